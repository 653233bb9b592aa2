//! The routes `/healthz`, `/readyz` and `/metrics` of a worker or dispatcher process.

use std::sync::Arc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, Error, HttpResponse, HttpServer, web};
use anyhow::Context as _;
use leadgate_dialect::{Problem, ProblemItem, protocol};
use leadgate_domain::Dialect;
use leadgate_gateway::{ReadinessReason, RenderMetrics};
use leadgate_queue::{Queue, QueueStatus};
use leadgate_store::{ClockSkew, Directory};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::form_urlencoded;

use super::store_health::StoreHealth;

/// Serves the routes until `stop` is cancelled. Without an address it serves nothing. `setting` is the name and the
/// value of the setting with the address.
pub(super) fn serve(
    setting: (&str, &str),
    state: HealthState,
    render_metrics: RenderMetrics,
    stop: CancellationToken,
) -> anyhow::Result<JoinHandle<std::io::Result<()>>> {
    let (name, listen) = setting;
    if listen.is_empty() {
        return Ok(tokio::spawn(async { Ok(()) }));
    }
    let health = web::Data::new(state);
    let app = move || {
        let render_metrics = render_metrics.clone();
        App::new()
            .app_data(health.clone())
            .wrap(from_fn(refuse_parameters))
            .route("/healthz", web::get().to(|| async { HttpResponse::Ok().json(json!({ "status": "ok" })) }))
            .route("/readyz", web::get().to(ready))
            .route(
                "/metrics",
                web::get().to(move || std::future::ready(HttpResponse::Ok().body(render_metrics()))),
            )
    };
    let server = HttpServer::new(app).workers(1).disable_signals().shutdown_timeout(1).bind(listen);
    let server = server.with_context(|| format!("{name}: {listen}"))?.run();
    let handle = server.handle();
    tokio::spawn(async move {
        stop.cancelled().await;
        handle.stop(true).await;
    });
    Ok(tokio::spawn(server))
}

/// What a process needs to be ready.
pub(super) struct HealthState {
    pub(super) store: StoreHealth,
    /// Of a worker: the queue, and the directory, which knows the clock of the database.
    pub(super) intake: Option<(Queue, Arc<Directory>)>,
}

/// Answers immediately, from the result of the last check.
async fn ready(health: web::Data<HealthState>) -> HttpResponse {
    let (mut reasons, mut degraded) = (Vec::new(), Vec::new());
    if let Some(reason) = health.store.problem() {
        reasons.push(ReadinessReason::new("store", reason));
    }
    let mut depth = None;
    if let Some((queue, directory)) = &health.intake {
        if let QueueStatus::NotReady { reason } = queue.status() {
            reasons.push(ReadinessReason::new("queue", &reason));
        }
        let clock = || ReadinessReason::new("clock", ClockSkew::REASON);
        match directory.clock_skew() {
            ClockSkew::Small => {}
            ClockSkew::Large => degraded.push(clock()),
            ClockSkew::TooLarge => reasons.push(clock()),
        }
        depth = queue.last_depth();
    }
    if reasons.is_empty() {
        HttpResponse::Ok().json(json!({ "status": "ready", "degraded": degraded, "queue": depth }))
    } else {
        let body = json!({ "status": "not_ready", "reasons": reasons, "queue": depth });
        HttpResponse::ServiceUnavailable().json(body)
    }
}

/// Refuses query parameters, as the gateway does for unknown ones. These routes have no parameters.
async fn refuse_parameters(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let name = form_urlencoded::parse(request.query_string().as_bytes()).next().map(|(name, _)| name);
    let Some(name) = name.map(|name| name.into_owned()) else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let (code, detail) =
        ("unknown_parameter", "This route has no parameters: send the request without a query.");
    let item = ProblemItem { pointer: None, parameter: Some(&name), code, detail: detail.into() };
    let problem = Problem {
        status: 400,
        code,
        detail: detail.into(),
        errors: vec![item],
        reasons: Vec::new(),
        retry_after_seconds: None,
    };
    let refusal = protocol(Dialect::Native).render_problem(&problem);
    let response =
        HttpResponse::build(StatusCode::BAD_REQUEST).content_type(refusal.content_type).body(refusal.body);
    Ok(request.into_response(response))
}
