//! `GET /healthz`: the process answers. `GET /readyz`: it can take leads.

use actix_web::HttpResponse;
use actix_web::web::Data;
use leadgate_queue::Depth;
use serde::Serialize;

use crate::problem::Refused;
use crate::respond;
use crate::state::{State, Trouble};

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    degraded: Vec<Trouble>,
    /// What the queue held when it was last looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<Depth>,
}

pub(crate) async fn alive() -> HttpResponse {
    respond::json(&Health { status: "ok" })
}

pub(crate) async fn ready(state: Data<State>) -> Result<HttpResponse, Refused> {
    let degraded = state.readiness()?;
    Ok(respond::json(&Readiness { status: "ready", degraded, queue: state.queue.last_depth() }))
}
