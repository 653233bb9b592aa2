//! `GET /healthz`: the process answers. `GET /readyz`: it can take leads.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use leadgate_queue::Depth;
use serde::Serialize;

use crate::operator;
use crate::problem::Refused;
use crate::query::Query;
use crate::refusal::Refusal;
use crate::respond;
use crate::state::{ReadinessReason, State};

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    degraded: Vec<ReadinessReason>,
    /// What the queue held when it was last looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<Depth>,
}

pub(crate) async fn alive(request: HttpRequest) -> Result<HttpResponse, Refused> {
    Query::read(&request)?;
    Ok(respond::json(&Health { status: "ok" }))
}

/// Public callers get the status only; operators also get the reasons.
pub(crate) async fn ready(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Refused> {
    if operator::is_operator_request(&request, &state.config) {
        return ready_to_operators(request, state).await;
    }
    Query::read(&request)?;
    match state.readiness() {
        Ok(_) => Ok(respond::json(&Health { status: "ready" })),
        Err(_) => Err(Refusal::NotReady(Vec::new()).into()),
    }
}

/// `/readyz` on the address for operators.
pub(crate) async fn ready_to_operators(
    request: HttpRequest,
    state: Data<State>,
) -> Result<HttpResponse, Refused> {
    Query::read(&request)?;
    let degraded = state.readiness()?;
    Ok(respond::json(&Readiness { status: "ready", degraded, queue: state.queue.last_depth() }))
}
