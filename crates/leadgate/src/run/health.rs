//! `/healthz`, `/readyz` and `/metrics` of a worker process.

use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Context as _;
use leadgate_gateway::RenderMetrics;
use leadgate_queue::{Queue, Status};
use leadgate_store::{Store, StoreError};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long the store may take to answer.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// Serves until told to stop. Without an address there is nothing to serve.
pub(super) fn serve(
    listen: &str,
    queue: Queue,
    store: Store,
    render: RenderMetrics,
    stop: CancellationToken,
) -> anyhow::Result<JoinHandle<std::io::Result<()>>> {
    if listen.is_empty() {
        return Ok(tokio::spawn(async { Ok(()) }));
    }
    let app = move || {
        let (queue, store, render) = (queue.clone(), store.clone(), render.clone());
        App::new()
            .route("/healthz", web::get().to(|| async { HttpResponse::Ok().json(json!({ "status": "ok" })) }))
            .route("/readyz", web::get().to(move || ready(queue.clone(), store.clone())))
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

/// Why the store cannot be used. The database's own words name its host and user, and are for the log.
async fn unready(store: &Store) -> Option<String> {
    match tokio::time::timeout(PATIENCE, store.check()).await {
        Ok(Ok(())) => None,
        Ok(Err(StoreError::Unavailable { trouble, .. })) => Some(format!("not available: {trouble}")),
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some("not available: timeout".to_owned()),
    }
}

async fn ready(queue: Queue, store: Store) -> HttpResponse {
    let mut missing = Vec::new();
    if let Status::NotReady { reason } = queue.status() {
        missing.push(json!({ "port": "queue", "reason": &*reason }));
    }
    if let Some(reason) = unready(&store).await {
        missing.push(json!({ "port": "store", "reason": reason }));
    }
    if missing.is_empty() {
        HttpResponse::Ok().json(json!({ "status": "ready" }))
    } else {
        HttpResponse::ServiceUnavailable().json(json!({ "status": "not_ready", "missing": missing }))
    }
}
