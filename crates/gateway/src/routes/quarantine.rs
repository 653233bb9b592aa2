//! `/v1/quarantine`: what is kept aside, and how it is let go or given up.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use leadgate_dialect as dialect;
use leadgate_domain::{AuditAction, Source, Submission, Timestamp};
use leadgate_store::{QuarantineEntry, QuarantineState};
use serde::Deserialize;

use crate::body::{self, BodyLimits};
use crate::problem::Refused;
use crate::read::{self, Asked};
use crate::refusal::Refusal;
use crate::respond;
use crate::state::State;

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Why {
    note: Option<String>,
}

pub(crate) async fn list(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    let asked = Asked::to_administer(&request, &state).await?;
    let query = asked.query();
    let among = query.get("state", "`state` is open, released, discarded or all.", |state| match state {
        "all" => Some(None),
        state => state.parse().ok().map(Some),
    })?;
    let among = among.unwrap_or(Some(QuarantineState::Open));
    let listing = state.store.quarantined(asked.organization(), among, query.after()?, query.limit()?);
    let page = read::within(&state, listing).await?;
    state.audit.note(asked.entry(AuditAction::QuarantineListed).with("count", page.data.len()));
    let next = page.next.map(|next| next.to_string());
    Ok(respond::json(&serde_json::json!({ "data": page.data, "next": next })))
}

/// An entry, with the submission whole.
pub(crate) async fn show(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    let asked = Asked::to_administer(&request, &state).await?;
    let (entry, submission) = find(&asked, &request, AuditAction::QuarantineRead, &state).await?;
    state.audit.note(asked.entry(AuditAction::QuarantineRead).about(entry.id));
    Ok(respond::json(&serde_json::json!({ "entry": entry, "submission": submission })))
}

/// Publishes the submission once more. Whatever is asked how often, it is let go once; the answer says how the
/// entry stands.
pub(crate) async fn release(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    let asked = Asked::to_administer(&request, &state).await?;
    let (entry, submission) = find(&asked, &request, AuditAction::QuarantineReleased, &state).await?;
    let told = asked.entry(AuditAction::QuarantineReleased).about(entry.id);
    if entry.state != QuarantineState::Open {
        state.audit.note(told.with("answer", entry.state));
        return Ok(respond::json(&entry));
    }
    // Before it can have an effect.
    read::within(&state, state.store.record(vec![told])).await?;
    let released = submission.released(entry.id, entry.reason, Timestamp::now());
    let message = serde_json::to_vec(&released).map_err(|_| Refusal::Internal)?;
    state.publisher.publish(released.organization, message.into()).await.map_err(Refusal::Queue)?;
    Ok(respond::json_as(StatusCode::ACCEPTED, &entry))
}

/// Puts another body in the place of an open entry's, if a lead can be made of it. It waits for its release.
pub(crate) async fn repair(
    request: HttpRequest,
    payload: Payload,
    state: Data<State>,
) -> Result<HttpResponse, Refused> {
    let asked = Asked::to_administer(&request, &state).await?;
    let (entry, submission) = find(&asked, &request, AuditAction::QuarantineRepaired, &state).await?;
    let (organization, id) = (asked.organization(), entry.id);
    if entry.state != QuarantineState::Open {
        return Ok(respond::json(&entry));
    }
    let config = &state.config;
    let limits = BodyLimits { limit: config.body_limit, timeout: config.body_timeout };
    let media = body::media(request.headers())?;
    body::check_head(request.headers(), limits)?;
    let body = body::read(&request, payload, limits).await?;
    let directory = &state.keys.directory;
    let is_there = |source: &Arc<Source>| source.organization == organization && source.deleted_at.is_none();
    let source = directory.source(submission.source).filter(is_there);
    let source = source.ok_or_else(|| Refusal::InvalidSettings("its source is gone".to_owned()))?;
    let key = submission.client.key.as_ref().and_then(|id| directory.key(id));
    let mended =
        dialect::mend(submission, &body, media, &source, key.as_deref()).map_err(Refusal::unmendable)?;
    let by = asked.actor().to_string();
    let store = asked.store(&state);
    let repairing = store.repair(organization, id, &mended, &by);
    let entry = read::within(&state, repairing).await?.ok_or(Refusal::NotFound)?;
    Ok(respond::json(&entry))
}

/// Gives an entry up, with a reason for whoever asks later. The submission stays where it is.
pub(crate) async fn discard(
    request: HttpRequest,
    payload: Payload,
    state: Data<State>,
) -> Result<HttpResponse, Refused> {
    let asked = Asked::to_administer(&request, &state).await?;
    let id = asked.id(&request)?;
    let Why { note } = read::optional_document(&request, payload, &state).await?;
    let note = note.as_deref().map(|note| read::short_text("note", note, 255)).transpose()?;
    let (store, by) = (asked.store(&state), asked.actor().to_string());
    let discarding = store.discard(asked.organization(), id, &by, note);
    let entry: QuarantineEntry = read::within(&state, discarding)
        .await?
        .ok_or_else(|| asked.not_found(id, AuditAction::QuarantineDiscarded, &state))?;
    Ok(respond::json(&entry))
}

/// The entry in the path, with its submission.
async fn find(
    asked: &Asked,
    request: &HttpRequest,
    action: AuditAction,
    state: &State,
) -> Result<(QuarantineEntry, Submission), Refusal> {
    let id = asked.id(request)?;
    let found = read::within(state, state.store.quarantine_entry(asked.organization(), id)).await?;
    found.ok_or_else(|| asked.not_found(id, action, state))
}
