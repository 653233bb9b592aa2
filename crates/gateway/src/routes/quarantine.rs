//! `/v1/quarantine`: what is kept aside, and how it is let go or given up.

use std::sync::Arc;

use actix_web::web::{self, Payload};
use leadgate_dialect as dialect;
use leadgate_domain::{AuditAction, Source, Submission, Timestamp};
use leadgate_store::{QuarantineEntry, QuarantineState};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::body::{self, BodyLimits, short_text};
use crate::call::{Administer, Call};
use crate::query::{Limit, parsed};
use crate::refusal::Refusal;
use crate::reply::{Json, List};
use crate::store_timeout::with_store_timeout;

#[derive(Deserialize)]
pub(crate) struct QuarantineQuery {
    #[serde(default)]
    state: StateFilter,
    #[serde(default)]
    limit: Limit,
    #[serde(default, deserialize_with = "parsed")]
    after: Option<Uuid>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StateFilter {
    #[default]
    Open,
    Released,
    Discarded,
    All,
}

impl StateFilter {
    fn state(self) -> Option<QuarantineState> {
        match self {
            Self::Open => Some(QuarantineState::Open),
            Self::Released => Some(QuarantineState::Released),
            Self::Discarded => Some(QuarantineState::Discarded),
            Self::All => None,
        }
    }
}

pub(crate) async fn list(
    call: &mut Call<Administer, (), QuarantineQuery>,
) -> Result<Json<List<QuarantineEntry>>, Refusal> {
    let QuarantineQuery { state, limit, after } = call.query;
    let listing = call.state.store.quarantined(call.organization(), state.state(), after, limit.0);
    let page = with_store_timeout(&call.state, listing).await?;
    call.record_list(AuditAction::QuarantineListed, page.data.len());
    Ok(Json::ok(&List { data: page.data, next: page.next.map(|next| next.to_string()) }))
}

#[derive(Serialize)]
pub(crate) struct WholeEntry {
    entry: QuarantineEntry,
    submission: Submission,
}

/// An entry, with the submission whole.
pub(crate) async fn show(call: &mut Call<Administer, Uuid>) -> Result<Json<WholeEntry>, Refusal> {
    let (entry, submission) = find(call, AuditAction::QuarantineRead).await?;
    call.record(call.entry(AuditAction::QuarantineRead).about(entry.id));
    Ok(Json::ok(&WholeEntry { entry, submission }))
}

/// Publishes the submission once more. Whatever is asked how often, it is let go once; the answer says how the
/// entry stands.
pub(crate) async fn release(call: &mut Call<Administer, Uuid>) -> Result<Json<QuarantineEntry>, Refusal> {
    let (entry, submission) = find(call, AuditAction::QuarantineReleased).await?;
    let audited = call.entry(AuditAction::QuarantineReleased).about(entry.id);
    if entry.state != QuarantineState::Open {
        call.record(audited.with("answer", entry.state));
        return Ok(Json::ok(&entry));
    }
    let state = &call.state;
    // Before it can have an effect.
    with_store_timeout(state, state.store.record(vec![audited])).await?;
    let released = submission.released(entry.id, entry.reason, Timestamp::now());
    let message = serde_json::to_vec(&released).map_err(|_| Refusal::Internal)?;
    state.publisher.publish(released.organization, message.into()).await.map_err(Refusal::Queue)?;
    Ok(Json::accepted(&entry))
}

/// Puts another body in the place of an open entry's, if a lead can be made of it. It waits for its release.
pub(crate) async fn repair(
    call: &mut Call<Administer, Uuid>,
    payload: Payload,
) -> Result<Json<QuarantineEntry>, Refusal> {
    let (entry, submission) = find(call, AuditAction::QuarantineRepaired).await?;
    let (organization, id, state) = (call.organization(), entry.id, &call.state);
    if entry.state != QuarantineState::Open {
        return Ok(Json::ok(&entry));
    }
    let limits = BodyLimits { limit: state.config.body_limit, timeout: state.config.body_timeout };
    let media = body::media(call.request.headers())?;
    body::check_head(call.request.headers(), limits)?;
    let body = body::read(&call.request, payload, limits).await?;
    let directory = &state.keys.directory;
    let is_there = |source: &Arc<Source>| source.organization == organization && source.deleted_at.is_none();
    let source = directory.source(submission.source).filter(is_there);
    let source = source.ok_or_else(|| Refusal::InvalidSettings("its source is gone".to_owned()))?;
    let key = submission.client.key.as_ref().and_then(|id| directory.key(id));
    let repaired = dialect::repair(submission, &body, media, &source, key.as_deref());
    let repaired = repaired.map_err(Refusal::not_repairable)?;
    let (store, by) = (call.store(), call.actor().to_string());
    let repairing = store.repair(organization, id, &repaired, &by);
    let entry = with_store_timeout(state, repairing).await?.ok_or(Refusal::NotFound)?;
    Ok(Json::ok(&entry))
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Discard {
    note: Option<String>,
}

/// Gives an entry up, with a reason for whoever asks later. The submission stays where it is.
pub(crate) async fn discard(
    call: &mut Call<Administer, Uuid>,
    discard: Option<web::Json<Discard>>,
) -> Result<Json<QuarantineEntry>, Refusal> {
    let Discard { note } = discard.map(web::Json::into_inner).unwrap_or_default();
    let note = note.as_deref().map(|note| short_text("note", note, 255)).transpose()?;
    let (store, by) = (call.store(), call.actor().to_string());
    let discarding = store.discard(call.organization(), call.id, &by, note);
    let discarded = with_store_timeout(&call.state, discarding).await?;
    let entry = discarded.ok_or_else(|| call.not_found(call.id, AuditAction::QuarantineDiscarded))?;
    Ok(Json::ok(&entry))
}

/// The entry in the path, with its submission.
async fn find(
    call: &Call<Administer, Uuid>,
    action: AuditAction,
) -> Result<(QuarantineEntry, Submission), Refusal> {
    let finding = call.state.store.quarantine_entry(call.organization(), call.id);
    let found = with_store_timeout(&call.state, finding).await?;
    found.ok_or_else(|| call.not_found(call.id, action))
}
