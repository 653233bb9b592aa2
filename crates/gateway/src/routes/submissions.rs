//! `GET /v1/submissions/{id}`: what was sent, and why it ended as it did.

use std::borrow::Cow;

use leadgate_dialect::SubmissionStatus;
use leadgate_dialect::native::{self, Record, SubmissionResult};
use leadgate_domain::{AuditAction, SubmissionId};
use leadgate_store::SubmissionRecord;
use serde::Serialize;

use crate::call::{Call, Read};
use crate::caller::Reach;
use crate::refusal::Refusal;
use crate::reply::Json;
use crate::store_timeout::with_store_timeout;

#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum SubmissionAnswer<'s> {
    Ended(Box<Record<'s>>),
    Queued(SubmissionStatus),
}

pub(crate) async fn show(
    call: &mut Call<Read, SubmissionId>,
) -> Result<Json<SubmissionAnswer<'static>>, Refusal> {
    let id = call.id.as_uuid();
    let reading = call.state.store.submission(call.organization(), call.id);
    let Some(record) = with_store_timeout(&call.state, reading).await? else {
        let queued = call.queued(id, AuditAction::SubmissionRead)?;
        return Ok(Json::ok(&SubmissionAnswer::Queued(queued)));
    };
    if !call.reach().covers(record.submission.source) {
        return Err(call.not_found(id, AuditAction::SubmissionRead));
    }
    let lead_is_shown = shows_lead(&record, call).await?;
    call.record(call.entry(AuditAction::SubmissionRead).about(id));
    let source = call.state.keys.directory.source(record.submission.source);
    let source = source.as_ref().and_then(|source| source.name.as_deref());
    Ok(answer(&record, source, lead_is_shown))
}

/// Whether the caller may read the lead that the submission made or met.
async fn shows_lead(record: &SubmissionRecord, call: &Call<Read, SubmissionId>) -> Result<bool, Refusal> {
    let (reach, lead) = (call.reach(), record.outcome().and_then(|outcome| outcome.lead));
    match lead {
        Some(lead) if reach != Reach::Organization => {
            let reading = call.state.store.lead(call.organization(), lead);
            let lead = with_store_timeout(&call.state, reading).await?;
            Ok(lead.is_none_or(|lead| reach.covers(lead.source)))
        }
        _ => Ok(true),
    }
}

fn answer(
    record: &SubmissionRecord,
    source: Option<&str>,
    lead_is_shown: bool,
) -> Json<SubmissionAnswer<'static>> {
    let submission = &record.submission;
    let Some(current) = record.outcome() else {
        return Json::ok(&SubmissionAnswer::Queued(SubmissionStatus::queued(submission.id)));
    };
    let trace = if lead_is_shown {
        Cow::Borrowed(&current.trace)
    } else {
        Cow::Owned(current.trace.clone().of_submission())
    };
    let own = record.quarantine.iter().find(|entry| entry.id == submission.id.as_uuid());
    let ended = SubmissionResult {
        outcome: current.outcome,
        lead: current.lead,
        quarantine: own.map(|entry| entry.reason),
        decided_at: current.decided_at,
        erased_at: record.erased_at,
        trace: &trace,
        source,
    };
    Json::ok(&SubmissionAnswer::Ended(Box::new(native::record(submission, ended))))
}
