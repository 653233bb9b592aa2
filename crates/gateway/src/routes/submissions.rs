//! `GET /v1/submissions/{id}`: the content of a submission, its outcome, and the trace.

use std::borrow::Cow;

use leadgate_dialect::SubmissionStatus;
use leadgate_dialect::native::{self, OutcomeWithTrace, SubmissionResponse};
use leadgate_domain::{AuditAction, SubmissionId};
use leadgate_store::SubmissionRecord;
use serde::Serialize;

use crate::authorized_request::{AuthorizedRequest, ReadAccess};
use crate::caller::SourceAccess;
use crate::refusal::Refusal;
use crate::route_response::JsonResponse;
use crate::store_timeout::with_store_timeout;

#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum SubmissionLookupResponse<'s> {
    Ended(Box<SubmissionResponse<'s>>),
    Queued(SubmissionStatus),
}

pub(crate) async fn show(
    call: &mut AuthorizedRequest<ReadAccess, SubmissionId>,
) -> Result<JsonResponse<SubmissionLookupResponse<'static>>, Refusal> {
    let id = call.id.as_uuid();
    let reading = call.state.store.submission(call.organization(), call.id);
    let Some(record) = with_store_timeout(&call.state, reading).await? else {
        let queued = call.queued(id, AuditAction::SubmissionRead)?;
        return Ok(JsonResponse::ok(&SubmissionLookupResponse::Queued(queued)));
    };
    if !call.source_access().covers(record.submission.source) {
        return Err(call.not_found(id, AuditAction::SubmissionRead));
    }
    let shows_lead = may_read_lead(&record, call).await?;
    call.record(call.entry(AuditAction::SubmissionRead).with_target(id));
    let source = call.state.keys.directory.source(record.submission.source);
    let source = source.as_ref().and_then(|source| source.name.as_deref());
    Ok(answer(&record, source, shows_lead))
}

/// Whether the caller may read the lead that the submission created or matched.
async fn may_read_lead(
    record: &SubmissionRecord,
    call: &AuthorizedRequest<ReadAccess, SubmissionId>,
) -> Result<bool, Refusal> {
    let (source_access, lead) = (call.source_access(), record.outcome().and_then(|outcome| outcome.lead));
    match lead {
        Some(lead) if source_access != SourceAccess::Organization => {
            let reading = call.state.store.lead(call.organization(), lead);
            let lead = with_store_timeout(&call.state, reading).await?;
            Ok(lead.is_none_or(|lead| source_access.covers(lead.source)))
        }
        _ => Ok(true),
    }
}

fn answer(
    record: &SubmissionRecord,
    source: Option<&str>,
    shows_lead: bool,
) -> JsonResponse<SubmissionLookupResponse<'static>> {
    let submission = &record.submission;
    let Some(current) = record.outcome() else {
        return JsonResponse::ok(&SubmissionLookupResponse::Queued(SubmissionStatus::queued(submission.id)));
    };
    let trace = if shows_lead {
        Cow::Borrowed(&current.trace)
    } else {
        Cow::Owned(current.trace.clone().without_lead_details())
    };
    let own = record.quarantine.iter().find(|entry| entry.id == submission.id.as_uuid());
    let ended = OutcomeWithTrace {
        outcome: current.outcome,
        lead: current.lead,
        quarantine: own.map(|entry| entry.reason),
        decided_at: current.decided_at,
        erased_at: record.erased_at,
        trace: &trace,
        source,
    };
    let response = native::submission_response(submission, ended);
    JsonResponse::ok(&SubmissionLookupResponse::Ended(Box::new(response)))
}
