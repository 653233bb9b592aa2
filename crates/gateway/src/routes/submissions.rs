//! `GET /v1/submissions/{id}`: what was sent, and why it ended as it did.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use leadgate_dialect::native::{self, Ended};
use leadgate_domain::{AuditAction, SubmissionId};
use leadgate_store::SubmissionRecord;

use crate::problem::Refused;
use crate::read::{self, Asked};
use crate::respond;
use crate::state::State;

pub(crate) async fn show(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    let asked = Asked::of(&request, &state).await?;
    let id = asked.id(&request)?;
    let reading = state.store.submission(asked.organization(), SubmissionId::from_uuid(id));
    match read::within(&state, reading).await? {
        Some(record) => {
            state.audit.note(asked.entry(AuditAction::SubmissionRead).about(id));
            let source = state.keys.directory.source(record.submission.source);
            Ok(answer(&record, source.as_ref().and_then(|source| source.name.as_deref())))
        }
        None => Ok(asked.queued(id, AuditAction::SubmissionRead, &state)?),
    }
}

fn answer(record: &SubmissionRecord, source: Option<&str>) -> HttpResponse {
    let submission = &record.submission;
    let Some(current) = record.outcome() else { return respond::json(&native::queued(submission.id)) };
    let own = record.quarantine.iter().find(|entry| entry.id == submission.id.as_uuid());
    let ended = Ended {
        outcome: current.outcome,
        lead: current.lead,
        quarantine: own.map(|entry| entry.reason),
        decided_at: current.decided_at,
        erased_at: record.erased_at,
        trace: &current.trace,
        source,
    };
    respond::json(&native::record(submission, ended))
}
