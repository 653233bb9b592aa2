//! `/v1/endpoints`: where the organization wants its events sent.

use actix_web::web;
use leadgate_dialect::native::{self, EndpointResponse};
use leadgate_domain::{AuditAction, Endpoint, EndpointId, EventId};
use leadgate_operations::endpoints::{
    self as operations, EndpointInput, EndpointWithSecret, PreviewedRequest, ReplayRequest,
};
use leadgate_operations::{ItemLimit, OperationError};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use crate::authorized_request::{AdminAccess, AuthorizedRequest};
use crate::long_operation::{LongOperation, OperationProgress};
use crate::refusal::Refusal;
use crate::route_response::{JsonResponse, ListResponse};
use crate::store_timeout::run_operation;

type EndpointRequest = AuthorizedRequest<AdminAccess, EndpointId>;

pub(crate) async fn list(
    call: &mut AuthorizedRequest<AdminAccess>,
) -> Result<JsonResponse<ListResponse<EndpointResponse<'static>>>, Refusal> {
    let store = call.store();
    let listing = operations::list(&store, call.organization(), call.log());
    let all = run_operation(&call.state, listing).await?;
    let owner = call.organization_name();
    let data = all.iter().map(|endpoint| native::endpoint_response(endpoint, &owner, None)).collect();
    Ok(JsonResponse::ok(&ListResponse { data, next: None }))
}

/// Creates an endpoint. Its signing secret is shown only in this response.
pub(crate) async fn create(
    call: &mut AuthorizedRequest<AdminAccess>,
    web::Json(input): web::Json<EndpointInput>,
) -> Result<JsonResponse<EndpointResponse<'static>>, Refusal> {
    let store = call.store();
    let creating = operations::create(&store, call.organization(), input, true);
    let EndpointWithSecret { endpoint, secret } = run_operation(&call.state, creating).await?;
    let (owner, secret) = (call.organization_name(), secret.expose_secret());
    Ok(JsonResponse::created(&native::endpoint_response(&endpoint, &owner, Some(secret))))
}

/// Shows an endpoint, and the number of its deliveries in each state.
pub(crate) async fn show(
    call: &mut EndpointRequest,
) -> Result<JsonResponse<EndpointResponse<'static>>, Refusal> {
    let store = call.store();
    let showing = operations::show(&store, call.organization(), call.id, call.log());
    let shown = run_operation(&call.state, showing).await;
    let (endpoint, counts) =
        shown.map_err(|refusal| call.audit_refusal(refusal, call.id, AuditAction::EndpointRead))?;
    let owner = call.organization_name();
    Ok(JsonResponse::ok(&native::endpoint_response(&endpoint, &owner, None).with_deliveries(counts)))
}

#[derive(Deserialize)]
pub(crate) struct PreviewQuery {
    /// The number of leads.
    #[serde(default)]
    last: Option<ItemLimit>,
}

/// Shows the requests for the last leads that an endpoint with these settings would get. Sends and changes nothing.
pub(crate) async fn preview(
    call: &mut AuthorizedRequest<AdminAccess, (), PreviewQuery>,
    web::Json(input): web::Json<EndpointInput>,
) -> Result<JsonResponse<ListResponse<PreviewedRequest>>, Refusal> {
    let (store, last) = (call.store(), call.query.last.unwrap_or(ItemLimit::DEFAULT_PREVIEW));
    let previewing = operations::preview(&store, call.organization(), input, last, call.log());
    let data = run_operation(&call.state, previewing).await?;
    Ok(JsonResponse::ok(&ListResponse { data, next: None }))
}

/// Changes the given settings of an endpoint. Absent ones keep their values.
pub(crate) async fn update(
    call: &mut EndpointRequest,
    web::Json(input): web::Json<EndpointInput>,
) -> Result<JsonResponse<EndpointResponse<'static>>, Refusal> {
    let store = call.store();
    let updating = operations::update(&store, call.organization(), call.id, input);
    change(call, updating, AuditAction::EndpointUpdated).await
}

/// Creates a new signing secret, which is shown only in this response. The previous one also signs for a day.
pub(crate) async fn rotate_secret(
    call: &mut EndpointRequest,
) -> Result<JsonResponse<EndpointResponse<'static>>, Refusal> {
    let store = call.store();
    let rotating = operations::rotate_secret(&store, call.organization(), call.id);
    let rotated = run_operation(&call.state, rotating).await;
    let EndpointWithSecret { endpoint, secret } = rotated
        .map_err(|refusal| call.audit_refusal(refusal, call.id, AuditAction::EndpointSecretRotated))?;
    let owner = call.organization_name();
    Ok(JsonResponse::ok(&native::endpoint_response(&endpoint, &owner, Some(secret.expose_secret()))))
}

pub(crate) async fn enable(
    call: &mut EndpointRequest,
) -> Result<JsonResponse<EndpointResponse<'static>>, Refusal> {
    let store = call.store();
    let enabling = operations::enable(&store, call.organization(), call.id);
    change(call, enabling, AuditAction::EndpointEnabled).await
}

pub(crate) async fn disable(
    call: &mut EndpointRequest,
) -> Result<JsonResponse<EndpointResponse<'static>>, Refusal> {
    let store = call.store();
    let disabling = operations::disable(&store, call.organization(), call.id);
    change(call, disabling, AuditAction::EndpointDisabled).await
}

/// Deletes an endpoint. What it has not received is not sent.
pub(crate) async fn delete(
    call: &mut EndpointRequest,
) -> Result<JsonResponse<EndpointResponse<'static>>, Refusal> {
    let store = call.store();
    let deleting = operations::delete(&store, call.organization(), call.id);
    change(call, deleting, AuditAction::EndpointDeleted).await
}

#[derive(Serialize)]
pub(crate) struct TestResponse {
    event: EventId,
}

/// Sends a test event.
pub(crate) async fn test(call: &mut EndpointRequest) -> Result<JsonResponse<TestResponse>, Refusal> {
    let store = call.store();
    let testing = operations::test(&store, call.organization(), call.id);
    let event = run_operation(&call.state, testing).await;
    let event = event.map_err(|refusal| call.audit_refusal(refusal, call.id, AuditAction::EndpointTested))?;
    Ok(JsonResponse::accepted(&TestResponse { event }))
}

#[derive(Serialize)]
pub(crate) struct ReplayResponse {
    /// How many events are sent again.
    events: usize,
}

/// Sends events again: those whose attempts all failed, one event, or those of a lead, a time or a result.
pub(crate) async fn replay(
    call: &mut EndpointRequest,
    request: Option<web::Json<ReplayRequest>>,
) -> Result<JsonResponse<OperationProgress<ReplayResponse>>, Refusal> {
    let request = request.map(web::Json::into_inner).unwrap_or_default();
    let (store, organization, id) = (call.store(), call.organization(), call.id);
    let (permit, dry_run) = (call.long_operation_permit()?, request.dry_run);
    let replaying = async move {
        let events = operations::replay(&store, organization, id, request).await?;
        Ok(ReplayResponse { events })
    };
    let running = LongOperation::start("replay", permit, replaying);
    let replayed = if dry_run { running.result_response().await } else { running.progress().await };
    replayed.map_err(|refusal| call.audit_refusal(refusal, id, AuditAction::DeliveriesReplayed))
}

/// Runs a change, and responds with the endpoint as it is then.
async fn change(
    call: &EndpointRequest,
    changing: impl Future<Output = Result<Endpoint, OperationError>>,
    action: AuditAction,
) -> Result<JsonResponse<EndpointResponse<'static>>, Refusal> {
    let changed = run_operation(&call.state, changing).await;
    let endpoint = changed.map_err(|refusal| call.audit_refusal(refusal, call.id, action))?;
    let owner = call.organization_name();
    Ok(JsonResponse::ok(&native::endpoint_response(&endpoint, &owner, None)))
}
