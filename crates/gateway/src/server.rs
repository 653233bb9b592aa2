//! Starts and stops the gateway.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use leadgate_domain::export_signature::ExportSigningKey;
use leadgate_domain::id::SubmissionIdGenerator;
use leadgate_domain::secret::{IdKey, Pepper, SourceSigningKey};
use leadgate_limiter::{IdempotencyMarkers, Limiter};
use leadgate_pipeline::GeoDatabase;
use leadgate_queue::Queue;
use leadgate_store::{Directory, Store};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::GatewayConfig;
use crate::audit::{AuditSender, AuditWriter};
use crate::bulk_memory::BulkMemory;
use crate::chunked_body::ClientSocket;
use crate::key_cache::KeyCache;
use crate::organization_permits::OrganizationPermits;
use crate::refusal_log::RefusalLog;
use crate::request_metrics::observe;
use crate::state::{AcceptedCounters, GatewayState, ProcessState, RenderMetrics};
use crate::{request_id, routes};

/// How long a refused client may continue to send its body, which is not read. If the connection were closed
/// at once, the client would not see the response.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the start waits until the reply queue is ready.
const REPLIES_READY_TIMEOUT: Duration = Duration::from_secs(2);

const BACKLOG: u32 = 2_048;

/// actix-web panics with more threads.
const MAX_THREADS: usize = 512;

/// The adapters and secrets of a gateway.
pub struct GatewayDependencies {
    pub store: Store,
    /// Refreshed by the gateway. It may be shared with a worker in the same process.
    pub directory: Arc<Directory>,
    pub queue: Queue,
    pub limiter: Limiter,
    pub markers: IdempotencyMarkers,
    pub pepper: Pepper,
    pub id_key: IdKey,
    pub source_signing_key: SourceSigningKey,
    /// Signs exports of evidence of consent.
    pub export_signing_key: ExportSigningKey,
    /// For the validation of leads, which infers the location of a visitor like the worker does.
    pub geolocation: Option<Arc<GeoDatabase>>,
    pub render_metrics: RenderMetrics,
}

/// A gateway whose address is bound, so that clients can connect and wait.
pub struct Gateway {
    server: Server,
    addresses: Vec<SocketAddr>,
    /// The server for operators, if it has a separate address.
    operators: Option<(Server, SocketAddr)>,
    state: Arc<ProcessState>,
    audit: AuditWriter,
}

impl Gateway {
    /// Binds the address. Port 0 selects a free port. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub fn bind(
        address: impl ToSocketAddrs,
        dependencies: GatewayDependencies,
        config: GatewayConfig,
        stop: CancellationToken,
    ) -> io::Result<Self> {
        let (audit, writer) = AuditSender::new(dependencies.store.clone(), config.store_timeout);
        let limiter = dependencies.limiter.clone();
        let state = Arc::new(process_state(dependencies, config, stop, audit));
        let of_thread = (state.clone(), limiter.clone());
        let app = move || {
            App::new()
                .data_factory({
                    let of_thread = of_thread.clone();
                    move || thread_state(of_thread.clone())
                })
                .wrap(from_fn(observe))
                .wrap(from_fn(request_id::assign))
                .configure(|config| routes::serve(routes::routes(), config))
        };
        let GatewayConfig {
            threads,
            max_connections,
            keep_alive,
            header_timeout,
            write_timeout,
            shutdown_timeout,
            ..
        } = state.config;
        let http = HttpServer::new(app)
            .disable_signals()
            .shutdown_signal(state.stop.clone().cancelled_owned())
            .shutdown_timeout(shutdown_timeout.as_secs().max(1))
            .workers(if threads == 0 { cores() } else { threads }.min(MAX_THREADS))
            .max_connections(max_connections)
            .keep_alive(keep_alive)
            .client_request_timeout(header_timeout)
            .client_disconnect_timeout(DISCONNECT_TIMEOUT)
            .on_connect(move |connection, extensions| {
                ClientSocket::store_socket(connection, extensions, write_timeout)
            })
            .backlog(BACKLOG)
            .bind(address)?;
        let addresses = http.addrs();
        let operators = state
            .config
            .metrics_listen
            .map(|address| serve_operators(address, GatewayState::new(&state, limiter)));
        let operators = operators.transpose()?;
        Ok(Self { server: http.run(), addresses, operators, state, audit: writer })
    }

    /// The bound address for operators, if it is a separate one.
    pub fn operators_address(&self) -> Option<SocketAddr> {
        self.operators.as_ref().map(|(_, address)| *address)
    }

    /// The bound addresses.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Serves requests until the stop token is cancelled. Then the gateway is no longer ready, accepts no
    /// connections, and answers the requests in flight. It returns soon after
    /// [`GatewayConfig::shutdown_timeout`] at the latest, even if a dependency does not respond.
    ///
    /// # Errors
    /// If the threads of the server cannot be started.
    pub async fn run(self) -> io::Result<()> {
        let Self { server, operators, state, audit, .. } = self;
        let operators = operators.map(|(server, _)| {
            let handle = server.handle();
            tokio::spawn(server);
            handle
        });
        let config = &state.config;
        // An unavailable store or broker only delays the start, because both are retried in the background.
        // Without a reply queue the first requests that wait for an outcome would get none.
        let keys = timeout(config.store_timeout, state.keys.refresh());
        let _ = tokio::join!(keys, timeout(REPLIES_READY_TIMEOUT, state.replies.ready()));
        let polling = tokio::spawn({
            let state = state.clone();
            async move { state.keys.poll_store(&state.stop).await }
        });
        let answered = CancellationToken::new();
        let writing_audit = tokio::spawn({
            let answered = answered.clone();
            async move { audit.run(&answered).await }
        });
        let reporting = tokio::spawn({
            let (state, answered) = (state.clone(), answered.clone());
            async move { state.refusals.run(state.config.refusal_report_interval, &answered).await }
        });
        let shutdown_deadline = async {
            state.stop.cancelled().await;
            sleep(config.shutdown_timeout + Duration::from_secs(2)).await;
        };
        let ended = tokio::select! {
            ended = server => ended,
            // Dropping the server closes the remaining connections.
            () = shutdown_deadline => Ok(()),
        };
        polling.abort();
        if let Some(operators) = operators {
            operators.stop(false).await;
        }
        // The audit entries and refusal counts of the last second are written now.
        answered.cancel();
        let _ = tokio::join!(writing_audit, reporting);
        ended
    }
}

/// actix-web waits for the states of all threads before it accepts connections. A thread does not end before its
/// requests, which wait for their calls of the limiter.
async fn thread_state((process, limiter): (Arc<ProcessState>, Limiter)) -> Result<GatewayState, Infallible> {
    Ok(GatewayState::new(&process, limiter.for_this_thread().await))
}

fn process_state(
    dependencies: GatewayDependencies,
    config: GatewayConfig,
    stop: CancellationToken,
    audit: AuditSender,
) -> ProcessState {
    ProcessState {
        keys: KeyCache::new(
            dependencies.store.clone(),
            dependencies.directory,
            dependencies.pepper,
            dependencies.geolocation,
            &config,
        ),
        store: dependencies.store,
        publisher: dependencies.queue.publisher(),
        replies: dependencies.queue.reply_receiver(),
        queue: dependencies.queue,
        markers: dependencies.markers,
        source_signing_key: dependencies.source_signing_key,
        export_signing_key: dependencies.export_signing_key,
        submission_ids: SubmissionIdGenerator::new(dependencies.id_key),
        counting_permits: Semaphore::new(2),
        bulk_memory: BulkMemory::new(config.bulk_limit),
        long_report_permits: OrganizationPermits::default(),
        long_operation_permits: OrganizationPermits::default(),
        export_permits: OrganizationPermits::default(),
        rescreening_permits: Semaphore::new(1),
        render_metrics: dependencies.render_metrics,
        stop,
        audit,
        refusals: RefusalLog::default(),
        accepted: AcceptedCounters::new(),
        config,
    }
}

fn serve_operators(address: SocketAddr, state: GatewayState) -> io::Result<(Server, SocketAddr)> {
    let state = Data::new(state);
    let app = move || {
        App::new()
            .app_data(state.clone())
            .wrap(from_fn(request_id::assign))
            .configure(|config| routes::serve(routes::operator_routes(), config))
    };
    let http = HttpServer::new(app).disable_signals().workers(1).bind(address)?;
    let address = http.addrs().first().copied().unwrap_or(address);
    Ok((http.run(), address))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
