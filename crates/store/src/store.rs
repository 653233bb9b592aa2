//! The store: one enum over two databases. The address selects the database when the store is opened.

use std::sync::Arc;
use std::time::Duration;

use leadgate_domain::sealing_key::SealingKey;
use leadgate_domain::{Actor, OrganizationId, Region, Source, SourceDefaults, Timestamp};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::config::StoreConfig;
use crate::connection::StoreConnection;
use crate::error::{StoreError, StoreFailure, TransactionError};
use crate::locks::AdvisoryLock;
use crate::pool::{ConnectionTarget, Pool};
use crate::{postgres, sqlite};

/// Reads that take longer than others, at the same time in one process.
const MAX_SLOW_READS: usize = 2;

/// How long a caller waits for one of them, its turn included.
const SLOW_READ_TIMEOUT: Duration = Duration::from_secs(60);

/// The database of leads. A clone is another handle to the same connections.
#[derive(Clone)]
pub enum Store {
    Postgres(PostgresStore),
    Sqlite(SqliteStore),
}

#[derive(Clone)]
pub struct PostgresStore {
    pub(crate) address: postgres::PostgresAddress,
    pool: Pool,
    actor: Arc<Actor>,
    sealing: Option<Arc<SealingKey>>,
    slow_reads: Arc<Semaphore>,
    default_region: Option<Region>,
}

/// A SQLite file with one connection for writes and several for reads.
#[derive(Clone)]
pub struct SqliteStore {
    pub(crate) address: sqlite::SqliteAddress,
    writer: Pool,
    readers: Pool,
    actor: Arc<Actor>,
    sealing: Option<Arc<SealingKey>>,
    slow_reads: Arc<Semaphore>,
    default_region: Option<Region>,
}

impl Store {
    /// Parses the address. The first call connects.
    pub fn open(config: &StoreConfig) -> Result<Self, StoreError> {
        let (actor, sealing) = (Arc::new(Actor::Leadgate), config.sealing.clone());
        let patient = Arc::new(Semaphore::new(MAX_SLOW_READS));
        let default_region = config.default_region;
        if let Some(path) = config.url.strip_prefix("sqlite:") {
            let address = sqlite::SqliteAddress::parse(path, config)?;
            let pool = |name, address, size| Pool::new(name, ConnectionTarget::Sqlite(address), size, config);
            return Ok(Self::Sqlite(SqliteStore {
                writer: pool("writer", address.clone(), 1),
                readers: pool("readers", address.clone().reading(), config.pool_size),
                address,
                actor,
                sealing,
                slow_reads: patient,
                default_region,
            }));
        }
        if config.url.starts_with("postgres:") || config.url.starts_with("postgresql:") {
            let address = postgres::PostgresAddress::new(config);
            let target = ConnectionTarget::Postgres(address.clone());
            let pool = Pool::new("postgres", target, config.pool_size, config);
            return Ok(Self::Postgres(PostgresStore {
                address,
                pool,
                actor,
                sealing,
                slow_reads: patient,
                default_region,
            }));
        }
        Err(StoreError::Config("it begins with neither `sqlite:` nor `postgres:`".to_owned()))
    }

    /// A new source with the defaults of its dialect. If the dialect has no default region, it gets the
    /// installation's default region. It is not stored yet.
    pub fn new_source(
        &self,
        organization: OrganizationId,
        defaults: &SourceDefaults,
        name: Option<String>,
    ) -> Source {
        let region = match self {
            Self::Postgres(store) => store.default_region,
            Self::Sqlite(store) => store.default_region,
        };
        let source = Source::new(organization, defaults, name, Timestamp::now());
        Source { default_region: source.default_region.or(region), ..source }
    }

    /// The same store with an actor for the audit log. The default actor is the program itself.
    pub fn as_actor(&self, actor: Actor) -> Self {
        let actor = Arc::new(actor);
        match self.clone() {
            Self::Postgres(store) => Self::Postgres(PostgresStore { actor, ..store }),
            Self::Sqlite(store) => Self::Sqlite(SqliteStore { actor, ..store }),
        }
    }

    pub fn actor(&self) -> &Actor {
        match self {
            Self::Postgres(store) => &store.actor,
            Self::Sqlite(store) => &store.actor,
        }
    }

    pub(crate) fn sealing(&self) -> Result<Arc<SealingKey>, StoreError> {
        let sealing = match self {
            Self::Postgres(store) => &store.sealing,
            Self::Sqlite(store) => &store.sealing,
        };
        sealing.clone().ok_or(StoreError::Unsupported("this store was opened without the secret"))
    }

    /// What an operator knows the store by: its address without user, password and settings.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Postgres(store) => store.address.name(),
            Self::Sqlite(store) => store.address.file().display().to_string(),
        }
    }

    /// Runs statements that change nothing.
    pub(crate) async fn read<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&mut StoreConnection) -> Result<T, TransactionError> + Send + 'static,
    {
        let pool = match self {
            Self::Postgres(store) => &store.pool,
            Self::Sqlite(store) => &store.readers,
        };
        pool.run(work).await
    }

    /// Runs statements that change nothing and take longer than other reads. They have a connection of their
    /// own, and take no place from other readers.
    ///
    /// A caller who goes away leaves them running: until they have ended `permit` is kept. PostgreSQL ends
    /// them when the caller is sent away. SQLite does not: diesel has no safe way to interrupt a statement.
    pub(crate) async fn read_without_timeout<T, P, W>(&self, permit: P, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        P: Send + 'static,
        W: FnOnce(&mut StoreConnection) -> Result<T, TransactionError> + Send + 'static,
    {
        let (store, patient) = match self {
            Self::Postgres(store) => (self.clone(), Arc::clone(&store.slow_reads)),
            Self::Sqlite(store) => (self.clone(), Arc::clone(&store.slow_reads)),
        };
        let deadline = Instant::now() + SLOW_READ_TIMEOUT;
        let Ok(Ok(turn)) = timeout_at(deadline, patient.acquire_owned()).await else {
            return Err(StoreError::unavailable(StoreFailure::Busy));
        };
        let read = move || {
            let _held = (turn, permit);
            let mut session = match &store {
                Self::Postgres(store) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    // PostgreSQL takes 0 for no limit.
                    store.address.connect_to_read(left.max(Duration::from_millis(1)))?
                }
                Self::Sqlite(store) => store.address.clone().reading().connect()?,
            };
            work(&mut session).map_err(|fault| session.classify_failure(fault))
        };
        match timeout_at(deadline, tokio::task::spawn_blocking(read)).await {
            Ok(read) => read.map_err(|_| StoreError::Panicked)?,
            Err(_) => Err(StoreError::unavailable(StoreFailure::Timeout)),
        }
    }

    /// Empties SQLite's write-ahead log, which may contain deleted data. It must be called after an erasure,
    /// and when a program starts and stops. Returns false if another connection still reads the log.
    pub async fn empty_log(&self) -> Result<bool, StoreError> {
        let Self::Sqlite(store) = self else { return Ok(true) };
        store.writer.run(|session| Ok(session.empty_log()?)).await
    }

    /// Runs a transaction, more than once if it conflicts with others.
    pub(crate) async fn write<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnMut(&mut StoreConnection) -> Result<T, TransactionError> + Send + 'static,
    {
        self.write_locked(Vec::new(), work).await
    }

    /// The same, with locks of organizations from its beginning on.
    pub(crate) async fn write_locked<T, W>(&self, locks: Vec<AdvisoryLock>, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnMut(&mut StoreConnection) -> Result<T, TransactionError> + Send + 'static,
    {
        let pool = match self {
            Self::Postgres(store) => &store.pool,
            Self::Sqlite(store) => &store.writer,
        };
        pool.run(move |session| session.transaction(&locks, work)).await
    }
}
