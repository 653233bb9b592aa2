//! `/healthz`, `/readyz` and `/metrics` of a worker process.

use std::sync::Arc;

use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Context as _;
use leadgate_gateway::RenderMetrics;
use leadgate_queue::{Queue, Status};
use leadgate_store::{ClockSkew, Directory, Store};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Serves until told to stop. Without an address there is nothing to serve.
pub(super) fn serve(
    listen: &str,
    queue: Queue,
    store: Store,
    directory: Arc<Directory>,
    render: RenderMetrics,
    stop: CancellationToken,
) -> anyhow::Result<JoinHandle<std::io::Result<()>>> {
    if listen.is_empty() {
        return Ok(tokio::spawn(async { Ok(()) }));
    }
    let app = move || {
        let (queue, store, render) = (queue.clone(), store.clone(), render.clone());
        let directory = Arc::clone(&directory);
        App::new()
            .route("/healthz", web::get().to(|| async { HttpResponse::Ok().json(json!({ "status": "ok" })) }))
            .route(
                "/readyz",
                web::get().to(move || ready(queue.clone(), store.clone(), Arc::clone(&directory))),
            )
            .route("/metrics", web::get().to(move || std::future::ready(HttpResponse::Ok().body(render()))))
    };
    let server = HttpServer::new(app).workers(1).disable_signals().shutdown_timeout(1).bind(listen);
    let server = server.with_context(|| format!("worker.listen: {listen}"))?.run();
    let handle = server.handle();
    tokio::spawn(async move {
        stop.cancelled().await;
        handle.stop(true).await;
    });
    Ok(tokio::spawn(server))
}

async fn ready(queue: Queue, store: Store, directory: Arc<Directory>) -> HttpResponse {
    let (mut missing, mut degraded) = (Vec::new(), Vec::new());
    if let Status::NotReady { reason } = queue.status() {
        missing.push(json!({ "port": "queue", "reason": &*reason }));
    }
    if let Err(error) = store.check().await {
        missing.push(json!({ "port": "store", "reason": error.to_string() }));
    }
    let clock = || json!({ "part": "clock", "reason": ClockSkew::REASON });
    match directory.clock_skew() {
        ClockSkew::Small => {}
        ClockSkew::Degraded => degraded.push(clock()),
        ClockSkew::NotReady => missing.push(clock()),
    }
    if missing.is_empty() {
        HttpResponse::Ok().json(json!({ "status": "ready", "degraded": degraded }))
    } else {
        HttpResponse::ServiceUnavailable().json(json!({ "status": "not_ready", "missing": missing }))
    }
}
