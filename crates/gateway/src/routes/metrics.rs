//! `GET /metrics`, in the text format of Prometheus.

use actix_web::{HttpRequest, HttpResponse};

use crate::operator;
use crate::refusal::Refusal;
use crate::state::GatewayState;

pub(crate) async fn show(request: &HttpRequest, state: &GatewayState) -> Result<HttpResponse, Refusal> {
    if !operator::is_operator_request(request, &state.config) {
        return Err(Refusal::NotFound);
    }
    to_operators(request, state).await
}

/// `/metrics` at the address for operators.
pub(crate) async fn to_operators(
    _request: &HttpRequest,
    state: &GatewayState,
) -> Result<HttpResponse, Refusal> {
    let text = (state.render_metrics)();
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text))
}
