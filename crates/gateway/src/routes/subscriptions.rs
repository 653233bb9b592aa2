//! `/v1/webhook-subscriptions`: clients of ABC Sales AI manage their endpoints.

use actix_web::web;
use leadgate_dialect::abc_sales::{
    SubscriptionEvents, SubscriptionRequest, SubscriptionResponse, subscription_events, subscription_response,
};
use leadgate_domain::{AuditAction, Endpoint, EndpointId, EndpointState, PayloadForm};
use leadgate_operations::endpoints::{self as operations, EndpointInput, EndpointWithSecret};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::authorized_request::{AdminAccess, AuthorizedRequest};
use crate::refusal::Refusal;
use crate::route_response::JsonResponse;
use crate::store_timeout::{run_operation, with_store_timeout};

type SubscriptionCall = AuthorizedRequest<AdminAccess, EndpointId>;

pub(crate) async fn events(
    _call: &mut AuthorizedRequest<AdminAccess>,
) -> Result<JsonResponse<SubscriptionEvents>, Refusal> {
    Ok(JsonResponse::ok(&subscription_events()))
}

/// Creates an endpoint with the form of ABC Sales AI.
pub(crate) async fn create(
    call: &mut AuthorizedRequest<AdminAccess>,
    web::Json(request): web::Json<SubscriptionRequest>,
) -> Result<JsonResponse<SubscriptionResponse>, Refusal> {
    let store = call.store();
    let mut settings = settings(&request);
    settings.insert("form".to_owned(), json!(PayloadForm::AbcSales));
    let (input, enabled) = (EndpointInput::from(settings), request.active != Some(false));
    let creating = operations::create(&store, call.organization(), input, enabled);
    let EndpointWithSecret { endpoint, secret } = run_operation(&call.state, creating).await?;
    Ok(JsonResponse::created(&subscription_response(&endpoint, Some(secret.expose_secret()))))
}

/// Changes what is given.
pub(crate) async fn update(
    call: &mut SubscriptionCall,
    web::Json(request): web::Json<SubscriptionRequest>,
) -> Result<JsonResponse<SubscriptionResponse>, Refusal> {
    let endpoint = change(call, &request).await;
    let endpoint =
        endpoint.map_err(|refusal| call.audit_refusal(refusal, call.id, AuditAction::EndpointUpdated))?;
    Ok(JsonResponse::ok(&subscription_response(&endpoint, None)))
}

async fn change(call: &SubscriptionCall, request: &SubscriptionRequest) -> Result<Endpoint, Refusal> {
    let mut endpoint = subscription(call).await?;
    let (store, organization, id) = (call.store(), call.organization(), call.id);
    let settings = settings(request);
    // Without any member it is refused, as for other endpoints.
    if !settings.is_empty() || request.active.is_none() {
        let updating = operations::update(&store, organization, id, EndpointInput::from(settings));
        endpoint = run_operation(&call.state, updating).await?;
    }
    // A client that sends the whole subscription back does not end a pause that the receiver asked for.
    match (request.active, endpoint.health.state == EndpointState::Disabled) {
        (Some(true), true) => run_operation(&call.state, operations::enable(&store, organization, id)).await,
        (Some(false), false) => {
            run_operation(&call.state, operations::disable(&store, organization, id)).await
        }
        _ => Ok(endpoint),
    }
}

/// The endpoint, if it has the form of ABC Sales AI.
async fn subscription(call: &SubscriptionCall) -> Result<Endpoint, Refusal> {
    let found = with_store_timeout(&call.state, call.store().endpoint(call.organization(), call.id)).await?;
    found.filter(|endpoint| endpoint.settings.form == PayloadForm::AbcSales).ok_or(Refusal::NotFound)
}

#[derive(Serialize)]
pub(crate) struct DeletedResponse {
    id: EndpointId,
    deleted: bool,
}

pub(crate) async fn delete(call: &mut SubscriptionCall) -> Result<JsonResponse<DeletedResponse>, Refusal> {
    let deleting = async {
        subscription(call).await?;
        let store = call.store();
        run_operation(&call.state, operations::delete(&store, call.organization(), call.id)).await
    };
    deleting.await.map_err(|refusal| call.audit_refusal(refusal, call.id, AuditAction::EndpointDeleted))?;
    Ok(JsonResponse::ok(&DeletedResponse { id: call.id, deleted: true }))
}

/// Creates a new secret, which signs from now on.
pub(crate) async fn regenerate_secret(
    call: &mut SubscriptionCall,
) -> Result<JsonResponse<SubscriptionResponse>, Refusal> {
    let rotating = async {
        subscription(call).await?;
        let store = call.store();
        run_operation(&call.state, operations::rotate_secret(&store, call.organization(), call.id)).await
    };
    let EndpointWithSecret { endpoint, secret } = rotating
        .await
        .map_err(|refusal| call.audit_refusal(refusal, call.id, AuditAction::EndpointSecretRotated))?;
    Ok(JsonResponse::ok(&subscription_response(&endpoint, Some(secret.expose_secret()))))
}

fn settings(request: &SubscriptionRequest) -> Map<String, Value> {
    let given = [
        ("url", request.url.as_ref().map(|url| json!(url))),
        ("events", request.event_types().map(|events| json!(events))),
        ("name", request.name.as_ref().map(|name| json!(name))),
    ];
    given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
