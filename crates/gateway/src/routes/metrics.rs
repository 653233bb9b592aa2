//! `GET /metrics`, in the text format of Prometheus.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::operator;
use crate::problem::Refused;
use crate::query::Query;
use crate::refusal::Refusal;
use crate::state::State;

pub(crate) async fn show(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    if !operator::is_operator_request(&request, &state.config) {
        return Err(Refusal::NotFound.into());
    }
    to_operators(request, state).await
}

/// `/metrics` on the address for operators.
pub(crate) async fn to_operators(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    Query::read(&request)?;
    let text = (state.render_metrics)();
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text))
}
