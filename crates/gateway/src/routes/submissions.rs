//! `GET /v1/submissions/{id}`: what was sent, and why it ended as it did.

use std::borrow::Cow;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use leadgate_dialect::native::{self, SubmissionResult};
use leadgate_domain::{AuditAction, SubmissionId};
use leadgate_store::SubmissionRecord;

use crate::authenticate::Reach;
use crate::problem::Refused;
use crate::read::{self, Asked};
use crate::refusal::Refusal;
use crate::respond;
use crate::state::State;

pub(crate) async fn show(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    let asked = Asked::of(&request, &state).await?;
    let id = asked.id(&request)?;
    let reading = state.store.submission(asked.organization(), SubmissionId::from_uuid(id));
    match read::within(&state, reading).await? {
        Some(record) if !asked.reach().covers(record.submission.source) => {
            Err(asked.not_found(id, AuditAction::SubmissionRead, &state).into())
        }
        Some(record) => {
            let lead_is_shown = shows_lead(&record, &asked, &state).await?;
            state.audit.note(asked.entry(AuditAction::SubmissionRead).about(id));
            let source = state.keys.directory.source(record.submission.source);
            let source = source.as_ref().and_then(|source| source.name.as_deref());
            Ok(answer(&record, source, lead_is_shown))
        }
        None => Ok(asked.queued(id, AuditAction::SubmissionRead, &state)?),
    }
}

/// Whether the caller may read the lead that the submission made or met.
async fn shows_lead(record: &SubmissionRecord, asked: &Asked, state: &State) -> Result<bool, Refusal> {
    let (reach, lead) = (asked.reach(), record.outcome().and_then(|outcome| outcome.lead));
    match lead {
        Some(lead) if reach != Reach::Organization => {
            let lead = read::within(state, state.store.lead(asked.organization(), lead)).await?;
            Ok(lead.is_none_or(|lead| reach.covers(lead.source)))
        }
        _ => Ok(true),
    }
}

fn answer(record: &SubmissionRecord, source: Option<&str>, lead_is_shown: bool) -> HttpResponse {
    let submission = &record.submission;
    let Some(current) = record.outcome() else { return respond::json(&native::queued(submission.id)) };
    let trace =
        if lead_is_shown { Cow::Borrowed(&current.trace) } else { Cow::Owned(current.trace.of_submission()) };
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
    respond::json(&native::record(submission, ended))
}
