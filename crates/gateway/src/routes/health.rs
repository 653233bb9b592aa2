//! `GET /healthz`: the process is alive. `GET /readyz`: it can accept leads.

use actix_web::HttpRequest;
use leadgate_queue::QueueDepth;
use serde::Serialize;

use crate::operator;
use crate::readiness::ReadinessReason;
use crate::refusal::Refusal;
use crate::route_response::JsonResponse;
use crate::state::GatewayState;

#[derive(Serialize)]
pub(crate) struct HealthResponse {
    status: &'static str,
}

#[derive(Serialize)]
pub(crate) struct ReadinessResponse {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    degraded: Option<Vec<ReadinessReason>>,
    /// The queue depth at the last check.
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<QueueDepth>,
}

pub(crate) async fn alive(
    _request: &HttpRequest,
    _state: &GatewayState,
) -> Result<JsonResponse<HealthResponse>, Refusal> {
    Ok(JsonResponse::ok(&HealthResponse { status: "ok" }))
}

/// Public callers get the status only. Operators also get the reasons.
pub(crate) async fn ready(
    request: &HttpRequest,
    state: &GatewayState,
) -> Result<JsonResponse<ReadinessResponse>, Refusal> {
    if operator::is_operator_request(request, &state.config) {
        return ready_to_operators(request, state).await;
    }
    match state.readiness() {
        Ok(_) => Ok(JsonResponse::ok(&ReadinessResponse { status: "ready", degraded: None, queue: None })),
        Err(_) => Err(Refusal::NotReady(Vec::new())),
    }
}

/// `/readyz` on the address for operators.
pub(crate) async fn ready_to_operators(
    _request: &HttpRequest,
    state: &GatewayState,
) -> Result<JsonResponse<ReadinessResponse>, Refusal> {
    let degraded = Some(state.readiness()?);
    Ok(JsonResponse::ok(&ReadinessResponse { status: "ready", degraded, queue: state.queue.last_depth() }))
}
