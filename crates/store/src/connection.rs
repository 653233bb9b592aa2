//! A database connection in use: queries and transactions.

use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::r2d2::R2D2Connection;
use diesel::{PgConnection, QueryResult, SqliteConnection};
use leadgate_domain::Timestamp;
use uuid::Uuid;

use crate::error::{ErrorClass, StoreError, StoreFailure, TransactionError};
use crate::locks::AdvisoryLock;
use crate::{postgres, sqlite};

/// How often a transaction is run that deadlocks or conflicts with others.
const ATTEMPTS: u32 = 5;

pub(crate) enum AnyConnection {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

pub(crate) struct StoreConnection {
    connection: AnyConnection,
    /// How the running transaction adds rows.
    pub(crate) insert_mode: InsertMode,
    /// Whether the connection is not to be used again.
    is_broken: bool,
    /// The value of `leadgate.session` that was set when the session began; PostgreSQL only.
    pub(crate) session_marker: Option<Uuid>,
}

/// How rows are added to PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InsertMode {
    Copy,
    /// Slower, but says which error a row causes.
    Statement,
}

/// Calls a function that both databases have: `query!(session, leads::update_leads(&rows))` is
/// `postgres::leads::update_leads(connection, &rows)` or the same of `sqlite`.
macro_rules! query {
    ($session:expr, $module:ident::$function:ident($($argument:expr),* $(,)?)) => {{
        let started = std::time::Instant::now();
        let result = match $session.connection() {
            $crate::connection::AnyConnection::Postgres(connection) => {
                $crate::postgres::$module::$function(connection, $($argument),*)
                    .map_err($crate::error::TransactionError::from)
            }
            $crate::connection::AnyConnection::Sqlite(connection) => {
                $crate::sqlite::$module::$function(connection, $($argument),*)
                    .map_err($crate::error::TransactionError::from)
            }
        };
        result.map_err(|error| error.after(started.elapsed()))
    }};
}
pub(crate) use query;

impl StoreConnection {
    pub(crate) fn new(connection: AnyConnection) -> Self {
        Self { connection, insert_mode: InsertMode::Copy, is_broken: false, session_marker: None }
    }

    /// The current time by the clock that all programs share: the database's.
    pub(crate) fn now(&mut self) -> Result<Timestamp, TransactionError> {
        query!(self, installation::now())
    }

    /// Runs a transaction, and again if it deadlocks or conflicts with others. A failed one has no effect. `locks` are
    /// taken at its beginning.
    ///
    /// For SQLite it is the writer's from its first statement on (`BEGIN IMMEDIATE`): a transaction that
    /// begins by reading and then finds another writer could only be rolled back.
    pub(crate) fn transaction<T>(
        &mut self,
        locks: &[AdvisoryLock],
        mut work: impl FnMut(&mut Self) -> Result<T, TransactionError>,
    ) -> Result<T, TransactionError> {
        self.insert_mode = InsertMode::Copy;
        for attempt in 1..=ATTEMPTS {
            let fault = match self.attempt(locks, &mut work) {
                Err(TransactionError::Store(error)) => return Err(error.into()),
                Err(fault) => fault,
                Ok(value) => return Ok(value),
            };
            if matches!(fault, TransactionError::Copy { .. }) {
                self.insert_mode = InsertMode::Statement;
            }
            match self.classify(fault) {
                ErrorClass::Retry => {
                    tracing::debug!(attempt, "a transaction conflicted with others and is run again");
                    std::thread::sleep(Duration::from_millis(rand::random_range(1..10 * u64::from(attempt))));
                }
                ErrorClass::Final(error) => return Err(error.into()),
            }
        }
        Err(StoreError::unavailable(StoreFailure::Conflict).into())
    }

    fn attempt<T>(
        &mut self,
        locks: &[AdvisoryLock],
        work: &mut impl FnMut(&mut Self) -> Result<T, TransactionError>,
    ) -> Result<T, TransactionError> {
        self.begin(locks)?;
        let worked = work(self);
        let ended = match (&worked, &mut self.connection) {
            (Ok(_), AnyConnection::Postgres(connection)) => {
                AnsiTransactionManager::commit_transaction(connection)
            }
            (Ok(_), AnyConnection::Sqlite(connection)) => {
                AnsiTransactionManager::commit_transaction(connection)
            }
            (Err(_), AnyConnection::Postgres(connection)) => {
                AnsiTransactionManager::rollback_transaction(connection)
            }
            (Err(_), AnyConnection::Sqlite(connection)) => {
                AnsiTransactionManager::rollback_transaction(connection)
            }
        };
        match (worked, ended) {
            (Ok(value), Ok(())) => Ok(value),
            (Ok(_), Err(error)) => Err(error.into()),
            (Err(fault), Ok(())) => Err(fault),
            (Err(fault), Err(_)) => {
                // The first error is the informative one. The connection is in an unknown state and is
                // dropped.
                self.is_broken = true;
                Err(fault)
            }
        }
    }

    /// The transaction begins and its locks are taken in one round trip.
    fn begin(&mut self, locks: &[AdvisoryLock]) -> Result<(), TransactionError> {
        let started = std::time::Instant::now();
        let begun = match &mut self.connection {
            AnyConnection::Postgres(connection) => {
                let text = format!("BEGIN;{}", postgres::locks::lock_text(locks));
                let begun = AnsiTransactionManager::begin_transaction_sql(connection, &text);
                if begun.is_err() {
                    // A lock failed after `BEGIN`: diesel does not know of this transaction and does not end it.
                    self.is_broken |= connection.batch_execute("ROLLBACK").is_err();
                }
                begun
            }
            AnyConnection::Sqlite(connection) => {
                AnsiTransactionManager::begin_transaction_sql(connection, "BEGIN IMMEDIATE")
            }
        };
        begun.map_err(|error| TransactionError::from(error).after(started.elapsed()))
    }

    /// Classifies a fault that is not retried here.
    pub(crate) fn classify_failure(&mut self, fault: TransactionError) -> StoreError {
        match fault {
            TransactionError::Store(error) => error,
            fault => match self.classify(fault) {
                ErrorClass::Retry => StoreError::unavailable(StoreFailure::Conflict),
                ErrorClass::Final(error) => error,
            },
        }
    }

    fn classify(&mut self, fault: TransactionError) -> ErrorClass {
        let (class, is_broken) = match &mut self.connection {
            AnyConnection::Postgres(connection) => postgres::classify(connection, fault),
            AnyConnection::Sqlite(_) => sqlite::classify(fault),
        };
        self.is_broken |= is_broken;
        class
    }

    /// Runs SQL that is no query of ours, such as a setting.
    pub(crate) fn batch(&mut self, sql: &str) -> QueryResult<()> {
        match &mut self.connection {
            AnyConnection::Postgres(connection) => connection.batch_execute(sql),
            AnyConnection::Sqlite(connection) => connection.batch_execute(sql),
        }
    }

    /// See [`Store::empty_log`](crate::Store::empty_log).
    pub(crate) fn empty_log(&mut self) -> QueryResult<bool> {
        match &mut self.connection {
            AnyConnection::Postgres(_) => Ok(true),
            AnyConnection::Sqlite(connection) => sqlite::empty_log(connection),
        }
    }

    /// What SQLite's integrity check reports.
    pub(crate) fn integrity_check(&mut self) -> QueryResult<Vec<String>> {
        match &mut self.connection {
            AnyConnection::Postgres(_) => Ok(Vec::new()),
            AnyConnection::Sqlite(connection) => sqlite::integrity_check(connection),
        }
    }

    /// Whether the connection answers, and still has its settings. It loses them behind a pooler that gives
    /// each transaction another session of the server.
    pub(crate) fn ping(&mut self) -> Result<(), StoreError> {
        let answer = match (&mut self.connection, self.session_marker) {
            (AnyConnection::Postgres(connection), Some(marker)) => postgres::has_marker(connection, marker),
            (AnyConnection::Postgres(connection), None) => connection.ping().map(|()| true),
            (AnyConnection::Sqlite(connection), _) => connection.ping().map(|()| true),
        };
        match answer {
            Ok(true) => Ok(()),
            Ok(false) => {
                Err(StoreError::Config(
                    "the connection pooler in front of PostgreSQL changes sessions between transactions; set it to \
                     session mode (PgBouncer: pool_mode = session)"
                        .to_owned(),
                ))
            }
            Err(_) => Err(StoreError::unavailable(StoreFailure::Connection)),
        }
    }

    pub(crate) fn is_broken(&mut self) -> bool {
        self.is_broken
            || match &mut self.connection {
                AnyConnection::Postgres(connection) => connection.is_broken(),
                AnyConnection::Sqlite(connection) => connection.is_broken(),
            }
    }

    pub(crate) fn connection(&mut self) -> &mut AnyConnection {
        &mut self.connection
    }
}

#[cfg(test)]
mod tests {
    use leadgate_testkit::servers::shared;

    use super::*;
    use crate::config::StoreConfig;
    use crate::locks::LockMode;
    use crate::postgres::PostgresAddress;

    #[tokio::test]
    async fn a_lock_that_times_out_at_the_beginning_leaves_the_connection_usable() {
        let url = shared().postgres().await.unwrap().database().await.unwrap();
        let check = move || {
            let config = StoreConfig { lock_timeout: Duration::from_millis(100), ..StoreConfig::api(url) };
            let address = PostgresAddress::new(&config);
            let (mut holder, mut waiting) = (address.connect().unwrap(), address.connect().unwrap());
            let locks = [AdvisoryLock { key: 1, mode: LockMode::Exclusive }];
            let waited = holder.transaction(&locks, |_| Ok(waiting.transaction(&locks, |_| Ok(())))).unwrap();
            let Err(TransactionError::Store(error)) = waited else { panic!("{waited:?}") };
            assert_eq!(error, StoreError::unavailable(StoreFailure::Locked));
            assert!(!waiting.is_broken());
            waiting.transaction(&locks, |_| Ok(())).unwrap();
        };
        tokio::task::spawn_blocking(check).await.unwrap();
    }
}
