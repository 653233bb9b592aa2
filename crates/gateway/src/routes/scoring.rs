//! `/v1/scoring`: the scoring rules of the organization.

use std::sync::Arc;

use actix_web::web;
use leadgate_domain::{ActiveScoring, Scoring};
use leadgate_operations::ItemLimit;
use leadgate_operations::scoring::{self as operations, ScoringPreview};
use leadgate_store::ScoringRecord;
use serde::Deserialize;
use serde_json::Value;

use crate::authorized_request::{AdminAccess, AuthorizedRequest};
use crate::refusal::Refusal;
use crate::route_response::{JsonResponse, ListResponse};
use crate::store_timeout::{run_operation, with_store_timeout};

/// Shows the active scoring. Version 0 is the standard one.
pub(crate) async fn show(
    call: &mut AuthorizedRequest<AdminAccess>,
) -> Result<JsonResponse<ActiveScoring>, Refusal> {
    Ok(JsonResponse::ok(&*active_scoring(call).await?))
}

async fn active_scoring(call: &AuthorizedRequest<AdminAccess>) -> Result<Arc<ActiveScoring>, Refusal> {
    let directory = &call.state.keys.directory;
    // Another gateway may have changed it since the last poll.
    with_store_timeout(&call.state, directory.refresh()).await?;
    Ok(directory.snapshot().scoring(call.organization()))
}

fn read(document: &Value) -> Result<Scoring, Refusal> {
    Scoring::read(document).map_err(|faults| Refusal::InvalidSettings(faults.to_string()))
}

/// Stores and activates a scoring. Workers apply it after their next poll.
pub(crate) async fn set(
    call: &mut AuthorizedRequest<AdminAccess>,
    web::Json(document): web::Json<Value>,
) -> Result<JsonResponse<ActiveScoring>, Refusal> {
    let (scoring, store) = (read(&document)?, call.store());
    let active = run_operation(&call.state, operations::set(&store, call.organization(), scoring)).await?;
    Ok(JsonResponse::ok(&active))
}

/// Activates the standard scoring, and returns it.
pub(crate) async fn reset(
    call: &mut AuthorizedRequest<AdminAccess>,
) -> Result<JsonResponse<ActiveScoring>, Refusal> {
    let store = call.store();
    run_operation(&call.state, operations::reset(&store, call.organization())).await?;
    Ok(JsonResponse::ok(&*ActiveScoring::standard()))
}

/// Lists all versions, the oldest first.
pub(crate) async fn versions(
    call: &mut AuthorizedRequest<AdminAccess>,
) -> Result<JsonResponse<ListResponse<ScoringRecord>>, Refusal> {
    let store = call.store();
    let data = run_operation(&call.state, operations::history(&store, call.organization())).await?;
    Ok(JsonResponse::ok(&ListResponse { data, next: None }))
}

/// Shows one version. 0 is the standard one.
pub(crate) async fn version(
    call: &mut AuthorizedRequest<AdminAccess, u32>,
) -> Result<JsonResponse<ActiveScoring>, Refusal> {
    let store = call.store();
    let reading = operations::version(&store, call.organization(), call.id);
    Ok(JsonResponse::ok(&*run_operation(&call.state, reading).await?))
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ScoringPreviewRequest {
    /// The scoring to test. Default: the active one.
    scoring: Option<Value>,
    /// The number of newest leads.
    last: Option<ItemLimit>,
}

/// Shows how the newest leads would be scored. Changes nothing.
pub(crate) async fn preview(
    call: &mut AuthorizedRequest<AdminAccess>,
    request: Option<web::Json<ScoringPreviewRequest>>,
) -> Result<JsonResponse<ScoringPreview>, Refusal> {
    let ScoringPreviewRequest { scoring, last } = request.map(web::Json::into_inner).unwrap_or_default();
    let then = scoring.as_ref().map(read).transpose()?;
    let (now, last) = (active_scoring(call).await?, last.unwrap_or(ItemLimit::MAX));
    let (store, now) = (call.store(), &now.scoring);
    let previewing =
        operations::preview(&store, call.organization(), now, then.as_ref().unwrap_or(now), last);
    Ok(JsonResponse::ok(&run_operation(&call.state, previewing).await?))
}
