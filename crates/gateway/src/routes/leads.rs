//! `/v1/leads`, `/v1/leads/{id}`.

use actix_web::web;
use leadgate_dialect::native::{self, LeadAnswer, WithoutLead};
use leadgate_dialect::{Answer, SubmissionStatus, protocol};
use leadgate_domain::{AuditAction, LeadId, LeadStatus, Outcome, Scope, SubmissionId};
use leadgate_operations::leads as operations;
use leadgate_store::{Cursor, Found};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::call::{Administer, Call, Read, Write};
use crate::caller::Reach;
use crate::query::Page;
use crate::refusal::Refusal;
use crate::reply::Json;
use crate::store_timeout::{operation, with_store_timeout};

/// What is found under the id of a lead or of a submission.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum LeadOrSubmission<'l> {
    Lead(Box<LeadAnswer<'l>>),
    WithoutLead(WithoutLead),
    Queued(SubmissionStatus),
}

/// A lead by its own id, or by that of any submission that it met.
pub(crate) async fn show(call: &mut Call<Read, Uuid>) -> Result<Json<LeadOrSubmission<'static>>, Refusal> {
    let id = call.id;
    let found = with_store_timeout(&call.state, call.state.store.find(call.organization(), id)).await?;
    let Some(found) = found else {
        let queued = call.queued(id, AuditAction::LeadRead)?;
        return Ok(Json::ok(&LeadOrSubmission::Queued(queued)));
    };
    let found = within_reach(found, call.reach()).ok_or_else(|| call.not_found(id, AuditAction::LeadRead))?;
    let entry = call.entry(AuditAction::LeadRead).about(id);
    call.record(entry.with("lead", found.lead.as_ref().map(|lead| lead.id)));
    let sources = |id| call.state.keys.source_title(id);
    let Found { submission, quarantine, .. } = found;
    Ok(Json::ok(&match (&found.lead, found.outcome) {
        (_, None) => LeadOrSubmission::Queued(SubmissionStatus::queued(submission)),
        (Some(lead), Some(outcome)) => {
            LeadOrSubmission::Lead(Box::new(native::lead(lead, submission, outcome, &sources)))
        }
        (None, Some(outcome)) if found.erased_at.is_some() => {
            LeadOrSubmission::WithoutLead(native::erased(submission, outcome))
        }
        (None, Some(outcome)) => {
            LeadOrSubmission::WithoutLead(native::without_lead(submission, outcome, quarantine))
        }
    }))
}

/// Removes what the key may not read. For its own submission the outcome stays visible even if the lead belongs to
/// another source.
fn within_reach(found: Found, reach: Reach) -> Option<Found> {
    match &found.lead {
        Some(lead) if reach.covers(lead.source) => Some(found),
        _ if reach.covers(found.source) => {
            let lead = found.lead.filter(|lead| reach.covers(lead.source));
            Some(Found { lead, ..found })
        }
        _ => None,
    }
}

/// Which fields of a lead are corrected, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Update {
    /// As the native dialect names them; null empties one.
    fields: Map<String, Value>,
    reason: String,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum UpdateAnswer<'l> {
    Lead(Box<LeadAnswer<'l>>),
    /// For a key without the scope `read`, which is shown nothing that is stored.
    Ids {
        id: LeadId,
        submission: SubmissionRef,
    },
}

#[derive(Serialize)]
pub(crate) struct SubmissionRef {
    id: SubmissionId,
}

/// Corrects fields of a lead; the lead as it is then.
pub(crate) async fn update(
    call: &mut Call<Administer, LeadId>,
    web::Json(Update { fields, reason }): web::Json<Update>,
) -> Result<Json<UpdateAnswer<'static>>, Refusal> {
    let (id, store, context) = (call.id, call.store(), call.state.keys.judge_context()?);
    let updating = operations::update(&store, call.organization(), id, fields, &reason, &context);
    let updated = operation(&call.state, updating).await;
    let (lead, correction) =
        updated.map_err(|refusal| call.audited(refusal, id.as_uuid(), AuditAction::LeadUpdated))?;
    if call.caller.may(Scope::Read).is_err() {
        return Ok(Json::ok(&UpdateAnswer::Ids {
            id: lead.id,
            submission: SubmissionRef { id: correction },
        }));
    }
    let sources = |id| call.state.keys.source_title(id);
    let answer = native::lead(&lead, correction, Outcome::Updated, &sources);
    Ok(Json::ok(&UpdateAnswer::Lead(Box::new(answer))))
}

#[derive(Serialize)]
pub(crate) struct DeleteAnswer {
    id: LeadId,
    deleted: bool,
    erased: leadgate_store::Erased,
}

/// Deletes a lead and empties its submissions; the person is not suppressed.
pub(crate) async fn delete(call: &mut Call<Administer, LeadId>) -> Result<Json<DeleteAnswer>, Refusal> {
    let (id, store, context) = (call.id, call.store(), call.state.keys.judge_context()?);
    let deleted = operation(&call.state, operations::delete(&store, call.organization(), id, &context)).await;
    let erased = deleted.map_err(|refusal| call.audited(refusal, id.as_uuid(), AuditAction::LeadDeleted))?;
    Ok(Json::ok(&DeleteAnswer { id, deleted: true, erased }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewStatus {
    status: LeadStatus,
}

#[derive(Serialize)]
pub(crate) struct StatusAnswer {
    id: LeadId,
    status: LeadStatus,
}

/// Sets how far the work on a lead has come, as a dialler does: the scope `write` is enough.
pub(crate) async fn set_status(
    call: &mut Call<Write, LeadId>,
    web::Json(NewStatus { status }): web::Json<NewStatus>,
) -> Result<Json<StatusAnswer>, Refusal> {
    let id = call.id;
    let found = with_store_timeout(&call.state, call.state.store.lead(call.organization(), id)).await?;
    if !found.is_some_and(|lead| call.reach().covers(lead.source)) {
        return Err(call.not_found(id.as_uuid(), AuditAction::LeadStatusSet));
    }
    let store = call.store();
    let setting = operations::set_status(&store, call.organization(), id, status);
    let changed = operation(&call.state, setting).await;
    let lead = changed.map_err(|refusal| call.audited(refusal, id.as_uuid(), AuditAction::LeadStatusSet))?;
    Ok(Json::ok(&StatusAnswer { id: lead.id, status: lead.status }))
}

/// The leads of the organization or, for a key of a named source, of that source; from the newest to the oldest, as the
/// caller's dialect shows them.
pub(crate) async fn list(call: &mut Call<Read, (), Page<Cursor>>) -> Result<Answer, Refusal> {
    let Page { limit, after } = &call.query;
    let (store, source) = (call.store(), call.reach().source());
    let listing = operations::page(&store, call.organization(), source, *after, limit.0, call.log());
    let page = operation(&call.state, listing).await?;
    let next = page.next.map(|next| next.to_string());
    let sources = |id| call.state.keys.source_title(id);
    Ok(protocol(call.context.dialect).leads_page(&page.data, next.as_deref(), &sources))
}
