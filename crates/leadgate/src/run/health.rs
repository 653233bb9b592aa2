//! `/healthz`, `/readyz` and `/metrics` of a worker process.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Context as _;
use leadgate_gateway::{ReadinessReason, RenderMetrics};
use leadgate_queue::{Queue, Status};
use leadgate_store::{ClockSkew, Directory, Store, StoreError, Trouble};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Between two checks of the store.
const CHECKED_EVERY: Duration = Duration::from_secs(2);
/// A store that did not answer for this long is away. A check takes as long as a worker is willing to wait for a
/// connection, which is much longer.
const STORE_AWAY_AFTER: Duration = Duration::from_secs(5);

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
    let checks = StoreChecks::default();
    let health = web::Data::new(Health { queue, checks: checks.clone(), directory });
    let app = move || {
        let render = render.clone();
        App::new()
            .app_data(health.clone())
            .route("/healthz", web::get().to(|| async { HttpResponse::Ok().json(json!({ "status": "ok" })) }))
            .route("/readyz", web::get().to(ready))
            .route("/metrics", web::get().to(move || std::future::ready(HttpResponse::Ok().body(render()))))
    };
    let server = HttpServer::new(app).workers(1).disable_signals().shutdown_timeout(1).bind(listen);
    let server = server.with_context(|| format!("worker.listen: {listen}"))?.run();
    let handle = server.handle();
    tokio::spawn(async move {
        stop.run_until_cancelled(checks.keep_checking(&store)).await;
        handle.stop(true).await;
    });
    Ok(tokio::spawn(server))
}

struct Health {
    queue: Queue,
    checks: StoreChecks,
    directory: Arc<Directory>,
}

/// Answers immediately from the last check.
async fn ready(health: web::Data<Health>) -> HttpResponse {
    let (mut reasons, mut degraded) = (Vec::new(), Vec::new());
    if let Status::NotReady { reason } = health.queue.status() {
        reasons.push(ReadinessReason::new("queue", &reason));
    }
    if let Some(reason) = health.checks.missing() {
        reasons.push(ReadinessReason::new("store", reason));
    }
    let clock = || ReadinessReason::new("clock", ClockSkew::REASON);
    match health.directory.clock_skew() {
        ClockSkew::Small => {}
        ClockSkew::Large => degraded.push(clock()),
        ClockSkew::TooLarge => reasons.push(clock()),
    }
    let queue = health.queue.last_depth();
    if reasons.is_empty() {
        HttpResponse::Ok().json(json!({ "status": "ready", "degraded": degraded, "queue": queue }))
    } else {
        let body = json!({ "status": "not_ready", "reasons": reasons, "queue": queue });
        HttpResponse::ServiceUnavailable().json(body)
    }
}

/// When the store last answered, and what is wrong with it if it cannot be used.
#[derive(Clone, Default)]
struct StoreChecks(Arc<Mutex<StoreHealth>>);

#[derive(Default)]
struct StoreHealth {
    answered: Option<Instant>,
    unusable: Option<&'static str>,
}

impl StoreChecks {
    async fn keep_checking(&self, store: &Store) {
        loop {
            self.note(store.check().await);
            tokio::time::sleep(CHECKED_EVERY).await;
        }
    }

    fn note(&self, checked: Result<(), StoreError>) {
        // The error's text is not shown: it may name the database's host and user.
        let unusable = match &checked {
            Ok(()) => None,
            Err(StoreError::NotMigrated) => {
                Some("it has no schema that this build can use: run `leadgate migrate`")
            }
            Err(error) if error.trouble() == Some(Trouble::Refused) => {
                Some("it refuses what this program needs; the log says what")
            }
            Err(error) if error.is_transient() => return,
            Err(_) => Some("it cannot be used; the log says why"),
        };
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = checked
            && last.unusable != unusable
        {
            tracing::error!(%error, "the store cannot be used");
        }
        last.unusable = unusable;
        last.answered = Some(Instant::now());
    }

    fn missing(&self) -> Option<&'static str> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match last.answered {
            None => Some("it has not answered yet"),
            Some(answered) if answered.elapsed() > STORE_AWAY_AFTER => Some("it does not answer"),
            Some(_) => last.unusable,
        }
    }
}
