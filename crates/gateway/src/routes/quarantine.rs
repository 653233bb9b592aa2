//! `/v1/quarantine`: lists, shows, repairs, releases and discards quarantine entries.

use actix_web::web::{self, Payload};
use leadgate_domain::{AuditAction, Submission};
use leadgate_operations::ItemLimit;
use leadgate_operations::quarantine::{self as operations, DiscardRequest, ReleaseResult};
use leadgate_store::{QuarantineEntry, QuarantineState};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::authorized_request::{AdminAccess, AuthorizedRequest};
use crate::body::{self, BodyLimits};
use crate::query::parsed;
use crate::refusal::Refusal;
use crate::route_response::{JsonResponse, ListResponse};
use crate::store_timeout::run_operation;

#[derive(Deserialize)]
pub(crate) struct QuarantineQuery {
    #[serde(default)]
    state: StateFilter,
    #[serde(default)]
    limit: ItemLimit,
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
    call: &mut AuthorizedRequest<AdminAccess, (), QuarantineQuery>,
) -> Result<JsonResponse<ListResponse<QuarantineEntry>>, Refusal> {
    let QuarantineQuery { state, limit, after } = call.query;
    let store = call.store();
    let listing =
        operations::page(&store, call.organization(), state.state(), after, limit.get(), call.log());
    let page = run_operation(&call.state, listing).await?;
    Ok(JsonResponse::ok(&ListResponse { data: page.data, next: page.next.map(|next| next.to_string()) }))
}

#[derive(Serialize)]
pub(crate) struct QuarantineEntryResponse {
    entry: QuarantineEntry,
    submission: Submission,
}

/// Shows an entry with its complete submission.
pub(crate) async fn show(
    call: &mut AuthorizedRequest<AdminAccess, Uuid>,
) -> Result<JsonResponse<QuarantineEntryResponse>, Refusal> {
    let store = call.store();
    let showing = operations::show(&store, call.organization(), call.id, call.log());
    let shown = run_operation(&call.state, showing).await;
    let (entry, submission) =
        shown.map_err(|refusal| call.audit_refusal(refusal, call.id, AuditAction::QuarantineRead))?;
    Ok(JsonResponse::ok(&QuarantineEntryResponse { entry, submission }))
}

/// Publishes the submission again. An entry is released only once, even if the request is repeated. The
/// response contains the entry before the release.
pub(crate) async fn release(
    call: &mut AuthorizedRequest<AdminAccess, Uuid>,
) -> Result<JsonResponse<QuarantineEntry>, Refusal> {
    let (store, publisher) = (call.store(), &call.state.publisher);
    let finding = operations::find(&store, call.organization(), call.id);
    let found = run_operation(&call.state, finding).await;
    let found =
        found.map_err(|refusal| call.audit_refusal(refusal, call.id, AuditAction::QuarantineReleased))?;
    // No timeout, because the message may already be in the queue.
    let ReleaseResult { entry, is_published } =
        operations::release(&store, found, publisher, call.log()).await?;
    Ok(if is_published { JsonResponse::accepted(&entry) } else { JsonResponse::ok(&entry) })
}

/// Stores a repaired body for an open entry, if it is a valid lead. The entry stays open until it is
/// released.
pub(crate) async fn repair(
    call: &mut AuthorizedRequest<AdminAccess, Uuid>,
    payload: Payload,
) -> Result<JsonResponse<QuarantineEntry>, Refusal> {
    let (store, state) = (call.store(), &call.state);
    let found = run_operation(state, operations::find(&store, call.organization(), call.id)).await;
    let found =
        found.map_err(|refusal| call.audit_refusal(refusal, call.id, AuditAction::QuarantineRepaired))?;
    if found.0.state != QuarantineState::Open {
        return Ok(JsonResponse::ok(&found.0));
    }
    let limits = BodyLimits { limit: state.config.body_limit, timeout: state.config.body_timeout };
    let media = body::media(call.request.headers())?;
    body::check_head(call.request.headers(), limits)?;
    let body = body::read(&call.request, payload, limits).await?;
    let entry = run_operation(state, operations::repair(&store, found, &body, media)).await?;
    Ok(JsonResponse::ok(&entry))
}

/// Discards an entry, with a note. The submission stays stored.
pub(crate) async fn discard(
    call: &mut AuthorizedRequest<AdminAccess, Uuid>,
    discard: Option<web::Json<DiscardRequest>>,
) -> Result<JsonResponse<QuarantineEntry>, Refusal> {
    let discard = discard.map(web::Json::into_inner).unwrap_or_default();
    let store = call.store();
    let discarding = operations::discard(&store, call.organization(), call.id, &discard);
    let discarded = run_operation(&call.state, discarding).await;
    let entry = discarded
        .map_err(|refusal| call.audit_refusal(refusal, call.id, AuditAction::QuarantineDiscarded))?;
    Ok(JsonResponse::ok(&entry))
}
