//! `/v1/leads`, `/v1/leads/{id}`.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use leadgate_dialect::{self as dialect, native};
use leadgate_domain::{AuditAction, LeadId, LeadStatus, Outcome, Scope};
use leadgate_operations::leads as operations;
use leadgate_store::{Cursor, Found};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::authenticate::Reach;
use crate::problem::Refused;
use crate::read::{self, Asked};
use crate::refusal::Refusal;
use crate::respond;
use crate::state::State;

/// A lead by its own id, or by that of any submission that it met.
pub(crate) async fn show(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    let asked = Asked::of(&request, &state).await?;
    let id = asked.id(&request)?;
    let found = read::within(&state, state.store.find(asked.organization(), id)).await?;
    match found.map(|found| within_reach(found, asked.reach())) {
        Some(None) => Err(asked.not_found(id, AuditAction::LeadRead, &state).into()),
        Some(Some(found)) => {
            let entry = asked.entry(AuditAction::LeadRead).about(id);
            state.audit.note(entry.with("lead", found.lead.as_ref().map(|lead| lead.id)));
            Ok(answer(&found, &state))
        }
        None => Ok(asked.queued(id, AuditAction::LeadRead, &state)?),
    }
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

fn answer(found: &Found, state: &State) -> HttpResponse {
    let sources = |id| state.keys.source_title(id);
    match (&found.lead, found.outcome) {
        (_, None) => respond::json(&native::queued(found.submission)),
        (Some(lead), Some(outcome)) => {
            respond::json(&native::lead(lead, found.submission, outcome, &sources))
        }
        (None, Some(outcome)) if found.erased_at.is_some() => {
            respond::json(&native::erased(found.submission, outcome))
        }
        (None, Some(outcome)) => {
            respond::json(&native::leadless(found.submission, outcome, found.quarantine))
        }
    }
}

/// Which fields of a lead are corrected, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    /// As the native dialect names them; null empties one.
    fields: Map<String, Value>,
    reason: String,
}

/// Corrects fields of a lead; the lead as it is then.
pub(crate) async fn update(
    request: HttpRequest,
    payload: Payload,
    state: Data<State>,
) -> Result<HttpResponse, Refused> {
    let asked = Asked::to_administer(&request, &state).await?;
    let id = LeadId::from_uuid(asked.id(&request)?);
    let Update { fields, reason } = read::document(&request, payload, &state).await?;
    let (store, context) = (asked.store(&state), state.keys.judge_context()?);
    let updating = operations::update(&store, asked.organization(), id, fields, &reason, &context);
    let updated = read::operation(&state, updating).await;
    let (lead, correction) =
        updated.map_err(|refusal| asked.noted(refusal, id, AuditAction::LeadUpdated, &state))?;
    // Without the scope `read` nothing that is stored is shown.
    if asked.caller().may(Scope::Read).is_err() {
        return Ok(respond::json(&serde_json::json!({ "id": lead.id, "submission": { "id": correction } })));
    }
    let sources = |id| state.keys.source_title(id);
    Ok(respond::json(&native::lead(&lead, correction, Outcome::Updated, &sources)))
}

/// Deletes a lead and empties its submissions; the person is not suppressed.
pub(crate) async fn delete(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    let asked = Asked::to_administer(&request, &state).await?;
    let id = LeadId::from_uuid(asked.id(&request)?);
    let (store, context) = (asked.store(&state), state.keys.judge_context()?);
    let deleting = operations::delete(&store, asked.organization(), id, &context);
    let deleted = read::operation(&state, deleting).await;
    let erased = deleted.map_err(|refusal| asked.noted(refusal, id, AuditAction::LeadDeleted, &state))?;
    Ok(respond::json(&serde_json::json!({ "id": id, "deleted": true, "erased": erased })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Status {
    status: LeadStatus,
}

/// Sets how far the work on a lead has come, as a dialler does: the scope `write` is enough.
pub(crate) async fn set_status(
    request: HttpRequest,
    payload: Payload,
    state: Data<State>,
) -> Result<HttpResponse, Refused> {
    let asked = Asked::to_write(&request, &state).await?;
    let id = asked.id(&request)?;
    let Status { status } = read::document(&request, payload, &state).await?;
    let lead = LeadId::from_uuid(id);
    let found = read::within(&state, state.store.lead(asked.organization(), lead)).await?;
    if !found.is_some_and(|lead| asked.reach().covers(lead.source)) {
        return Err(asked.not_found(id, AuditAction::LeadStatusSet, &state).into());
    }
    let store = asked.store(&state);
    let setting = operations::set_status(&store, asked.organization(), lead, status);
    let changed = read::operation(&state, setting).await?;
    Ok(respond::json(&serde_json::json!({ "id": changed.id, "status": changed.status })))
}

/// The leads of the organization or, for a key of a named source, of that source; from the newest to the oldest, as the
/// caller's dialect shows them.
pub(crate) async fn list(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    let asked = Asked::of(&request, &state).await?;
    let listing = async {
        let (limit, after) = (asked.query().limit()?, asked.query().after::<Cursor>()?);
        let listing = state.store.leads(asked.organization(), asked.reach().source(), after, limit);
        let page = read::within(&state, listing).await?;
        state.audit.note(read::listed(asked.entry(AuditAction::LeadsListed), &page.data));
        let next = page.next.map(|next| next.to_string());
        Ok(respond::answer(dialect::leads_page(asked.spoken(), &page.data, next.as_deref(), &|id| {
            state.keys.source_title(id)
        })))
    };
    listing.await.map_err(|refusal: Refusal| refusal.said_in(asked.spoken()))
}
