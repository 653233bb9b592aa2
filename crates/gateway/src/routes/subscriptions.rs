//! `/v1/webhook-subscriptions`: clients of ABC Sales AI manage their endpoints.

use actix_web::web;
use leadgate_dialect::abc_sales::{
    SubscriptionEvents, SubscriptionRequest, SubscriptionResponse, subscription_events, subscription_response,
};
use leadgate_domain::{AuditAction, EndpointId, PayloadForm};
use leadgate_operations::endpoints::{self as operations, EndpointInput, EndpointWithSecret};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::authorized_request::{AdminAccess, AuthorizedRequest};
use crate::refusal::Refusal;
use crate::route_response::JsonResponse;
use crate::store_timeout::run_operation;

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
    let (store, input) = (call.store(), EndpointInput::from(settings(&request)));
    let updating =
        operations::update_subscription(&store, call.organization(), call.id, input, request.active);
    let updated = run_operation(&call.state, updating).await;
    let endpoint =
        updated.map_err(|refusal| call.audit_refusal(refusal, call.id, AuditAction::EndpointUpdated))?;
    Ok(JsonResponse::ok(&subscription_response(&endpoint, None)))
}

#[derive(Serialize)]
pub(crate) struct DeletedResponse {
    id: EndpointId,
    deleted: bool,
}

pub(crate) async fn delete(call: &mut SubscriptionCall) -> Result<JsonResponse<DeletedResponse>, Refusal> {
    let store = call.store();
    let deleting = operations::delete_subscription(&store, call.organization(), call.id);
    let deleted = run_operation(&call.state, deleting).await;
    deleted.map_err(|refusal| call.audit_refusal(refusal, call.id, AuditAction::EndpointDeleted))?;
    Ok(JsonResponse::ok(&DeletedResponse { id: call.id, deleted: true }))
}

/// Creates a new secret, which signs from now on.
pub(crate) async fn regenerate_secret(
    call: &mut SubscriptionCall,
) -> Result<JsonResponse<SubscriptionResponse>, Refusal> {
    let store = call.store();
    let rotating = operations::rotate_subscription_secret(&store, call.organization(), call.id);
    let rotated = run_operation(&call.state, rotating).await;
    let EndpointWithSecret { endpoint, secret } = rotated
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
