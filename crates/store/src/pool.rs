//! The pool: runs blocking database work for async callers.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::r2d2::{HandleError, ManageConnection, PooledConnection};
use metrics::{Gauge, gauge, histogram};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::config::StoreConfig;
use crate::connection::StoreConnection;
use crate::error::{StoreError, StoreFailure, TransactionError};
use crate::{postgres, sqlite};

/// The longest pause between two tries to connect; r2d2 backs off to half of it.
const RECONNECT: Duration = Duration::from_secs(1);

/// Where a pool's connections lead to.
#[derive(Debug)]
pub(crate) enum ConnectionTarget {
    Postgres(postgres::PostgresAddress),
    Sqlite(sqlite::SqliteAddress),
}

/// How connections of a pool are made and checked.
#[derive(Debug)]
struct Manager {
    target: ConnectionTarget,
    /// Whether a connection was not usable when it was last checked, so that this is logged once.
    unusable: AtomicBool,
}

impl ManageConnection for Manager {
    type Connection = StoreConnection;
    type Error = StoreError;

    fn connect(&self) -> Result<StoreConnection, StoreError> {
        match &self.target {
            ConnectionTarget::Postgres(address) => address.connect(),
            ConnectionTarget::Sqlite(address) => address.connect(),
        }
    }

    fn is_valid(&self, session: &mut StoreConnection) -> Result<(), StoreError> {
        let checked = session.ping();
        let unusable = matches!(checked, Err(StoreError::Config(_)));
        let was_unusable = self.unusable.swap(unusable, Ordering::Relaxed);
        if let Err(error) = &checked
            && unusable
            && !was_unusable
        {
            tracing::error!("{error}");
        }
        checked
    }

    fn has_broken(&self, session: &mut StoreConnection) -> bool {
        std::thread::panicking() || session.is_broken()
    }
}

/// Connections, and a semaphore of as many permits: who has a permit finds a connection or makes one.
#[derive(Clone)]
pub(crate) struct Pool {
    connections: diesel::r2d2::Pool<Manager>,
    permits: Arc<Semaphore>,
    /// The database's file, if it is one.
    file: Option<Arc<Path>>,
    acquire_timeout: Duration,
    call_timeout: Duration,
    name: &'static str,
}

impl Pool {
    /// Connects to nothing yet, so that a gateway can start before its database.
    pub(crate) fn new(name: &'static str, target: ConnectionTarget, size: u32, config: &StoreConfig) -> Self {
        let size = size.max(1);
        let file = match &target {
            ConnectionTarget::Postgres(_) => None,
            ConnectionTarget::Sqlite(address) => Some(address.file().into()),
        };
        let connections = diesel::r2d2::Pool::builder()
            .max_size(size)
            .min_idle(Some(0))
            .connection_timeout(RECONNECT)
            .error_handler(Box::new(SilentErrorHandler))
            .build_unchecked(Manager { target, unusable: AtomicBool::new(false) });
        Self {
            connections,
            permits: Arc::new(Semaphore::new(usize::try_from(size).unwrap_or(1))),
            file,
            acquire_timeout: config.acquire_timeout,
            call_timeout: config.call_timeout,
            name,
        }
    }

    /// Runs `work` on a connection, on a thread that may block.
    ///
    /// A caller who goes away, or is sent away after the call time-out, leaves the work running; its
    /// connection stays counted until it is back.
    pub(crate) async fn run<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&mut StoreConnection) -> Result<T, TransactionError> + Send + 'static,
    {
        if self.file.as_deref().is_some_and(|file| !file.exists()) {
            return Err(StoreError::NotMigrated);
        }
        let begun = Instant::now();
        let waiting = GaugeGuard::new(gauge!("leadgate_store_waiting", "pool" => self.name));
        let permit = match timeout(self.acquire_timeout, Arc::clone(&self.permits).acquire_owned()).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) | Err(_) => return Err(StoreError::unavailable(StoreFailure::Busy)),
        };
        drop(waiting);
        let waited = begun.elapsed();
        histogram!("leadgate_store_wait_seconds", "pool" => self.name).record(waited.as_secs_f64());
        let in_use = GaugeGuard::new(gauge!("leadgate_store_in_use", "pool" => self.name));
        let connections = self.connections.clone();
        let patience = self.acquire_timeout.saturating_sub(waited).max(Duration::from_millis(1));
        let task = tokio::task::spawn_blocking(move || {
            // Dropped last, when the connection is back in the pool.
            let _held = (permit, in_use);
            let mut session = connect(&connections, patience)?;
            work(&mut session).map_err(|fault| session.classify_failure(fault))
        });
        match timeout(patience + self.call_timeout, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(join)) if join.is_panic() => Err(StoreError::Panicked),
            Ok(Err(_)) => Err(StoreError::unavailable(StoreFailure::Busy)),
            Err(_) => Err(StoreError::unavailable(StoreFailure::NoAnswer)),
        }
    }
}

fn connect(
    connections: &diesel::r2d2::Pool<Manager>,
    patience: Duration,
) -> Result<PooledConnection<Manager>, StoreError> {
    connections.get_timeout(patience).map_err(|error| StoreError::Unavailable {
        failure: StoreFailure::Connection,
        detail: Some(error.to_string().trim().to_owned()),
    })
}

/// A gauge that counts this value as long as it lives.
struct GaugeGuard(Gauge);

impl GaugeGuard {
    fn new(gauge: Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// The caller that waits for a connection gets the error. The pool's own retries are logged at debug level
/// only.
#[derive(Debug)]
struct SilentErrorHandler;

impl HandleError<StoreError> for SilentErrorHandler {
    fn handle_error(&self, error: StoreError) {
        tracing::debug!(%error, "no connection to the store");
    }
}
