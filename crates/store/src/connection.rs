//! A database connection in use: statements and transactions.

use std::time::{Duration, Instant};

use diesel::backend::Backend;
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::r2d2::R2D2Connection;
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, Text};
use diesel::{PgConnection, QueryResult, RunQueryDsl, SqliteConnection};
use leadgate_domain::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::error::{ErrorClass, StoreError, StoreFailure, TransactionError};
use crate::page::{self, Page};
use crate::sql::Sql;
use crate::{postgres, sqlite};

/// How often a transaction is run that deadlocks or conflicts with others.
const ATTEMPTS: u32 = 5;

pub(crate) enum AnyConnection {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

pub(crate) struct StoreConnection {
    pub(crate) sql: &'static Sql,
    connection: AnyConnection,
    /// The statement that failed last, for finding out why.
    failed: Option<FailedStatement>,
    /// Whether the connection is not to be used again.
    is_broken: bool,
    /// What was set for the session under `leadgate.session` when it began; PostgreSQL only.
    pub(crate) transaction_marker: Option<Uuid>,
}

/// A statement that failed.
pub(crate) struct FailedStatement {
    pub(crate) text: &'static str,
    pub(crate) rows: String,
    pub(crate) took: Duration,
}

impl StoreConnection {
    pub(crate) fn new(connection: AnyConnection, sql: &'static Sql) -> Self {
        Self { sql, connection, failed: None, is_broken: false, transaction_marker: None }
    }

    /// Runs a statement for its effect; the number of rows it changed.
    pub(crate) fn execute<R: Serialize>(
        &mut self,
        text: &'static str,
        rows: &[R],
    ) -> Result<usize, TransactionError> {
        self.run(text, rows, |connection, statement| match connection {
            AnyConnection::Postgres(connection) => statement.execute(connection),
            AnyConnection::Sqlite(connection) => statement.execute(connection),
        })
    }

    /// Runs a statement that gives rows.
    pub(crate) fn load<R: Serialize, T: DeserializeOwned>(
        &mut self,
        text: &'static str,
        rows: &[R],
    ) -> Result<Vec<T>, TransactionError> {
        self.run(text, rows, load)?.into_iter().map(|json| read(&json)).collect()
    }

    /// One page of a list, out of a statement that gives one row more than `most`. A page whose rows are
    /// large ends early, so that an answer has a bound.
    pub(crate) fn load_page<R: Serialize, T: DeserializeOwned, C>(
        &mut self,
        text: &'static str,
        rows: &[R],
        most: u32,
        cursor: impl Fn(&T) -> C,
    ) -> Result<Page<T, C>, TransactionError> {
        let found = self.run(text, rows, load)?;
        let kept = page::fitting(found.iter().map(String::len), most);
        let more = kept < found.len();
        // Each row's text is dropped as soon as it is read, so that a page is in memory once and not twice.
        let data: Vec<T> = found.into_iter().take(kept).map(|json| read(&json)).collect::<Result<_, _>>()?;
        let next = data.last().filter(|_| more).map(cursor);
        Ok(Page { data, next })
    }

    /// [`StoreConnection::load`] for a statement that takes nothing.
    pub(crate) fn load_all<T: DeserializeOwned>(
        &mut self,
        text: &'static str,
    ) -> Result<Vec<T>, TransactionError> {
        self.load::<(), T>(text, &[])
    }

    /// [`StoreConnection::load`] where at most one row can come.
    pub(crate) fn find<R: Serialize, T: DeserializeOwned>(
        &mut self,
        text: &'static str,
        row: R,
    ) -> Result<Option<T>, TransactionError> {
        self.load(text, &[row]).map(|rows| rows.into_iter().next())
    }

    /// The current time by the clock that all programs share: the database's.
    pub(crate) fn now(&mut self) -> Result<Timestamp, TransactionError> {
        let Some(clock) = self.sql.installation.clock else { return Ok(Timestamp::now()) };
        let now = self.load_all(clock)?.into_iter().next();
        now.ok_or_else(|| StoreError::Bug("the database returned no time".to_owned()).into())
    }

    fn run<R: Serialize, T>(
        &mut self,
        text: &'static str,
        rows: &[R],
        run: impl FnOnce(&mut AnyConnection, Statement<'_>) -> QueryResult<T>,
    ) -> Result<T, TransactionError> {
        let rows = serde_json::to_string(rows)
            .map_err(|error| StoreError::Bug(format!("a row cannot be written as JSON: {error}")))?;
        let begun = Instant::now();
        let result = run(&mut self.connection, Statement::new(text, &rows));
        self.failed = result.is_err().then(|| FailedStatement { text, rows, took: begun.elapsed() });
        Ok(result?)
    }

    /// Runs a transaction, and again if it deadlocks or conflicts with others. A failed one has no effect.
    ///
    /// For SQLite it is the writer's from its first statement on (`BEGIN IMMEDIATE`): a transaction that
    /// begins by reading and then finds another writer could only be rolled back.
    pub(crate) fn transaction<T>(
        &mut self,
        mut work: impl FnMut(&mut Self) -> Result<T, TransactionError>,
    ) -> Result<T, TransactionError> {
        for attempt in 1..=ATTEMPTS {
            match self.attempt(&mut work) {
                Err(TransactionError::Database(error)) => match self.judge(error) {
                    ErrorClass::Retry => {
                        tracing::debug!(attempt, "a transaction conflicted with others and is run again");
                        std::thread::sleep(Duration::from_millis(rand::random_range(
                            1..10 * u64::from(attempt),
                        )));
                    }
                    ErrorClass::Final(error) => return Err(error.into()),
                },
                settled => return settled,
            }
        }
        Err(StoreError::unavailable(StoreFailure::Conflict).into())
    }

    fn attempt<T>(
        &mut self,
        work: &mut impl FnMut(&mut Self) -> Result<T, TransactionError>,
    ) -> Result<T, TransactionError> {
        self.failed = None;
        match &mut self.connection {
            AnyConnection::Postgres(connection) => AnsiTransactionManager::begin_transaction(connection)?,
            AnyConnection::Sqlite(connection) => {
                AnsiTransactionManager::begin_transaction_sql(connection, "BEGIN IMMEDIATE")?;
            }
        }
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

    /// Says what is to be done about a fault that is not going to be tried again.
    pub(crate) fn classify_failure(&mut self, fault: TransactionError) -> StoreError {
        match fault {
            TransactionError::Store(error) => error,
            TransactionError::Database(error) => match self.judge(error) {
                ErrorClass::Retry => StoreError::unavailable(StoreFailure::Conflict),
                ErrorClass::Final(error) => error,
            },
        }
    }

    fn judge(&mut self, error: diesel::result::Error) -> ErrorClass {
        let failed = self.failed.take();
        let (verdict, spoiled) = match &mut self.connection {
            AnyConnection::Postgres(connection) => postgres::classify(connection, failed, error),
            AnyConnection::Sqlite(_) => sqlite::classify(error),
        };
        self.is_broken |= spoiled;
        verdict
    }

    /// Runs SQL that is no statement of ours, such as a setting.
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

    /// Whether the connection answers, and still has its settings. It loses them behind a pooler that gives
    /// each transaction another session of the server.
    pub(crate) fn ping(&mut self) -> Result<(), StoreError> {
        let Some(mark) = self.transaction_marker else {
            let ping = match &mut self.connection {
                AnyConnection::Postgres(connection) => connection.ping(),
                AnyConnection::Sqlite(connection) => connection.ping(),
            };
            return ping.map_err(|_| StoreError::unavailable(StoreFailure::Connection));
        };
        let found = self.load_all::<String>(
            "SELECT to_json(coalesce(current_setting('leadgate.session', true), ''))::text",
        );
        match found {
            Ok(found) if found.iter().any(|found| *found == mark.to_string()) => Ok(()),
            Ok(_) => {
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

fn load(connection: &mut AnyConnection, statement: Statement<'_>) -> QueryResult<Vec<String>> {
    match connection {
        AnyConnection::Postgres(connection) => statement.load(connection),
        AnyConnection::Sqlite(connection) => statement.load(connection),
    }
}

fn read<T: DeserializeOwned>(json: &str) -> Result<T, TransactionError> {
    serde_json::from_str(json).map_err(|error| {
        // Positions only: serde's own message may repeat a value.
        let (line, column) = (error.line(), error.column());
        StoreError::Bug(format!("this build cannot read a stored row: line {line}, column {column}")).into()
    })
}

/// A constant text and what is bound wherever it says `$1`.
///
/// diesel would prepare `sql_query` again at each use, because it cannot know that the text is constant. This
/// statement is cached by its text.
struct Statement<'a> {
    text: &'static str,
    rows: &'a str,
}

impl<'a> Statement<'a> {
    fn new(text: &'static str, rows: &'a str) -> Self {
        Self { text, rows }
    }
}

impl<DB: Backend + HasSqlType<Text>> QueryFragment<DB> for Statement<'_>
where
    str: ToSql<Text, DB>,
{
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let mut parts = self.text.split("$1");
        pass.push_sql(parts.next().unwrap_or_default());
        for part in parts {
            pass.push_bind_param::<Text, str>(self.rows)?;
            pass.push_sql(part);
        }
        Ok(())
    }
}

impl QueryId for Statement<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Statement<'_> {
    type SqlType = Text;
}

impl<C> RunQueryDsl<C> for Statement<'_> {}

#[cfg(test)]
mod tests {
    use diesel::Connection as _;

    use super::*;

    #[test]
    fn what_is_said_twice_is_bound_twice() {
        let statement = || Statement::new("SELECT $1 || '-' || $1", "a");
        let mut sqlite = SqliteConnection::establish(":memory:").unwrap();
        assert_eq!(statement().load::<String>(&mut sqlite).unwrap(), ["a-a"]);
        let shown = diesel::debug_query::<diesel::pg::Pg, _>(&statement()).to_string();
        assert_eq!(shown, "SELECT $1 || '-' || $2 -- binds: [\"a\", \"a\"]");
    }
}
