//! The port: one enum over two databases, chosen once by the address.

use std::sync::Arc;

use leadgate_domain::Actor;

use crate::config::StoreConfig;
use crate::error::{Fault, StoreError};
use crate::pool::{Manager, Pool};
use crate::session::Session;
use crate::{postgres, sqlite};

/// Where leads are kept. A clone is another handle to the same connections.
#[derive(Clone)]
pub enum Store {
    Postgres(PostgresStore),
    Sqlite(SqliteStore),
}

#[derive(Clone)]
pub struct PostgresStore {
    pub(crate) address: postgres::Address,
    pool: Pool,
    actor: Arc<Actor>,
}

/// One connection writes, several read beside it.
#[derive(Clone)]
pub struct SqliteStore {
    pub(crate) address: sqlite::Address,
    writer: Pool,
    readers: Pool,
    actor: Arc<Actor>,
}

impl Store {
    /// Reads the address and connects to nothing yet: the first call does.
    pub fn open(config: &StoreConfig) -> Result<Self, StoreError> {
        let actor = Arc::new(Actor::Leadgate);
        if let Some(path) = config.url.strip_prefix("sqlite:") {
            let address = sqlite::Address::parse(path, config)?;
            let pool = |name, address, size| Pool::new(name, Manager::Sqlite(address), size, config);
            return Ok(Self::Sqlite(SqliteStore {
                writer: pool("writer", address.clone(), 1),
                readers: pool("readers", address.clone().reading(), config.pool_size),
                address,
                actor,
            }));
        }
        if config.url.starts_with("postgres:") || config.url.starts_with("postgresql:") {
            let address = postgres::Address::new(config);
            let manager = Manager::Postgres(address.clone());
            let pool = Pool::new("postgres", manager, config.pool_size, config);
            return Ok(Self::Postgres(PostgresStore { address, pool, actor }));
        }
        Err(StoreError::Config("it begins with neither `sqlite:` nor `postgres:`".to_owned()))
    }

    /// The same store, in which everything that changes is recorded as this actor's doing; until then it is the
    /// program's own.
    pub fn acting_for(&self, actor: Actor) -> Self {
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

    /// Runs statements that change nothing.
    pub(crate) async fn read<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&mut Session) -> Result<T, Fault> + Send + 'static,
    {
        let pool = match self {
            Self::Postgres(store) => &store.pool,
            Self::Sqlite(store) => &store.readers,
        };
        pool.run(work).await
    }

    /// Lets nothing stay in SQLite's write-ahead log, unless somebody is reading there: then it goes later.
    pub(crate) async fn empty_log(&self) -> Result<(), StoreError> {
        let Self::Sqlite(store) = self else { return Ok(()) };
        let empty = |session: &mut Session| Ok(session.batch("PRAGMA wal_checkpoint(TRUNCATE)")?);
        store.writer.run(empty).await
    }

    /// Runs a transaction, more than once if it conflicts with others.
    pub(crate) async fn write<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnMut(&mut Session) -> Result<T, Fault> + Send + 'static,
    {
        let pool = match self {
            Self::Postgres(store) => &store.pool,
            Self::Sqlite(store) => &store.writer,
        };
        pool.run(move |session| session.transaction(work)).await
    }
}
