//! Classifies the errors of PostgreSQL.
//!
//! The SQLSTATE has the meaning of an error, but diesel exposes it for a few kinds only, and the message is
//! in the server's language. So a [`Statement`](super::statement::Statement) that failed for another reason is run once more, alone, in a
//! block that catches the error and returns its SQLSTATE, and is rolled back. A refused value fails again. An
//! error that does not occur again (above all a deadlock) is retried anyway.

use std::time::Duration;

use diesel::PgConnection;
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind as Kind, Error};
use diesel::sql_types::{BigInt, Text};

use super::PostgresAddress;
use super::statement::{Column, FailedStatement};
use crate::error::{ErrorClass, StoreError, StoreFailure, TransactionError};

/// A query that ran for so long did not fail over a value. Above the second after which deadlocks are found.
const LONG: Duration = Duration::from_millis(1_800);

/// What is to be done, and whether the connection is spoiled.
pub(crate) fn classify(connection: &mut PgConnection, fault: TransactionError) -> (ErrorClass, bool) {
    let (error, origin) = match fault {
        TransactionError::Store(error) => return (ErrorClass::Final(error), false),
        TransactionError::Database { error, took } => (error, Origin::Query(took)),
        TransactionError::Statement { error, failed } => (error, Origin::Statement(failed)),
        TransactionError::Copy { error, took } => (error, Origin::Copy(took)),
    };
    let (kind, information) = match error {
        Error::RollbackErrorOnCommit { commit_error, .. } => {
            return (classify(connection, TransactionError::from(*commit_error)).0, true);
        }
        Error::DatabaseError(kind, information) => (kind, information),
        Error::BrokenTransactionManager | Error::AlreadyInTransaction | Error::NotInTransaction => {
            return (unavailable(StoreFailure::Connection), true);
        }
        Error::DeserializationError(_) => return (bug("this build cannot read a stored row"), false),
        _ => return (bug("diesel refused a query"), true),
    };
    let refused = |code: &str| refused(code, information.as_ref());
    let class = match kind {
        Kind::UniqueViolation => refused("23505"),
        Kind::ForeignKeyViolation => refused("23503"),
        Kind::NotNullViolation => refused("23502"),
        Kind::CheckViolation => refused("23514"),
        Kind::RestrictViolation => refused("23001"),
        Kind::ExclusionViolation => refused("23P01"),
        Kind::SerializationFailure => ErrorClass::Retry,
        Kind::ReadOnlyTransaction => unavailable(StoreFailure::ReadOnly),
        Kind::ClosedConnection | Kind::UnableToSendCommand => {
            return (unavailable(StoreFailure::Connection), true);
        }
        _ => return classify_by_origin(connection, origin, information.as_ref()),
    };
    (class, false)
}

/// What failed.
enum Origin {
    /// A query of diesel, after this time.
    Query(Duration),
    Statement(Box<FailedStatement>),
    /// A COPY, after this time.
    Copy(Duration),
}

/// diesel does not say what kind of error it was.
fn classify_by_origin(
    connection: &mut PgConnection,
    origin: Origin,
    information: &dyn DatabaseErrorInformation,
) -> (ErrorClass, bool) {
    let failed = match origin {
        Origin::Query(took) => return classify_query(connection, took, information),
        // Unless it timed out, the transaction is run again with statements.
        Origin::Copy(took) => {
            return time_out(connection, took, information).unwrap_or((ErrorClass::Retry, false));
        }
        Origin::Statement(failed) => failed,
    };
    let took = failed.took;
    if took >= LONG {
        // Lock time-outs take as long. Only a statement time-out is recognizable by its (English) message; everything
        // else is treated as a lock time-out.
        let own = information.message().contains("statement timeout");
        return (unavailable(if own { StoreFailure::Timeout } else { StoreFailure::Locked }), false);
    }
    // The server refuses a NUL with the columns already, before it runs anything.
    if failed.columns.iter().any(Column::has_nul) {
        return (refused("22021", information), false);
    }
    match rerun_and_roll_back(connection, &failed) {
        Ok(ProbeResult { code, .. }) if code == "00000" => (ErrorClass::Retry, false),
        // The retry waits for a lock now, but the failed statement did not wait for as long as `lock_timeout`. So it
        // was a deadlock, and the other transaction still holds the lock.
        Ok(ProbeResult { code, lock_timeout }) if code == "55P03" && took < lock_timeout => {
            (ErrorClass::Retry, false)
        }
        Ok(ProbeResult { code, .. }) => (read(&code, information), false),
        Err(_) => (unavailable(StoreFailure::Internal), true),
    }
}

/// A query of diesel is not run again.
fn classify_query(
    connection: &mut PgConnection,
    took: Duration,
    information: &dyn DatabaseErrorInformation,
) -> (ErrorClass, bool) {
    if let Some(class) = time_out(connection, took, information) {
        return class;
    }
    match is_usable(connection) {
        Ok(true) => (ErrorClass::Retry, false),
        Ok(false) => (ErrorClass::Final(StoreError::NotMigrated), false),
        Err(_) => (unavailable(StoreFailure::Internal), true),
    }
}

/// The class if it was a time-out. How long it ran says whether it waited for a lock in vain.
fn time_out(
    connection: &mut PgConnection,
    took: Duration,
    information: &dyn DatabaseErrorInformation,
) -> Option<(ErrorClass, bool)> {
    // Only recognizable by its (English) message. The statement time-out may be shorter than the lock time-out.
    if information.message().contains("statement timeout") {
        return Some((unavailable(StoreFailure::Timeout), false));
    }
    match lock_timeout(connection) {
        Ok(limit) => (took >= limit).then(|| (unavailable(StoreFailure::Locked), false)),
        Err(_) => Some((unavailable(StoreFailure::Internal), true)),
    }
}

/// For how long the session waits for a lock.
fn lock_timeout(connection: &mut PgConnection) -> QueryResult<Duration> {
    let setting = "(SELECT setting::bigint FROM pg_settings WHERE name = 'lock_timeout')";
    let milliseconds: i64 = diesel::select(diesel::dsl::sql::<BigInt>(setting)).get_result(connection)?;
    Ok(match u64::try_from(milliseconds) {
        Ok(milliseconds) if milliseconds > 0 => Duration::from_millis(milliseconds),
        _ => Duration::MAX,
    })
}

/// Whether the database has all migrations that this build needs.
fn is_usable(connection: &mut PgConnection) -> QueryResult<bool> {
    let is_there: bool = diesel::select(diesel::dsl::sql::<diesel::sql_types::Bool>(
        "to_regclass('__diesel_schema_migrations') IS NOT NULL",
    ))
    .get_result(connection)?;
    if !is_there {
        return Ok(false);
    }
    let run = super::queries::installation::migrations(connection)?;
    Ok(PostgresAddress::versions().iter().all(|version| run.contains(version)))
}

/// What an SQLSTATE asks for, by its class.
fn read(code: &str, information: &dyn DatabaseErrorInformation) -> ErrorClass {
    match code {
        "40001" | "40P01" => return ErrorClass::Retry,
        "42P01" | "42703" | "3F000" => return ErrorClass::Final(StoreError::NotMigrated),
        "55P03" => return unavailable(StoreFailure::Locked),
        "57014" => return unavailable(StoreFailure::Timeout),
        "25006" => return unavailable(StoreFailure::ReadOnly),
        _ => {}
    }
    match code.get(..2) {
        // 54: a value that is too long for an index, or a document too deep.
        Some("21" | "22" | "23" | "54") => refused(code, information),
        Some("08" | "57") => unavailable(StoreFailure::Connection),
        Some("53" | "58") => unavailable(StoreFailure::Resources),
        Some("40" | "55") => unavailable(StoreFailure::Conflict),
        Some("XX" | "F0") => unavailable(StoreFailure::Internal),
        // No value of a row causes these: missing rights and objects, logins, features, states of session and
        // transaction.
        Some("42" | "28" | "0A" | "25" | "26" | "3D" | "3F") => ErrorClass::Final(StoreError::Unavailable {
            failure: StoreFailure::Misconfigured,
            detail: Some(format!(
                "SQLSTATE {code}: the database refuses this for every row; check grants, roles and the schema"
            )),
        }),
        _ => bug(&format!("PostgreSQL refused a statement (SQLSTATE {code})")),
    }
}

fn refused(code: &str, information: &dyn DatabaseErrorInformation) -> ErrorClass {
    let constraint = information.constraint_name().map(str::to_owned);
    ErrorClass::Final(StoreError::RowRefused { code: code.to_owned(), constraint })
}

fn unavailable(failure: StoreFailure) -> ErrorClass {
    ErrorClass::Final(StoreError::unavailable(failure))
}

fn bug(what: &str) -> ErrorClass {
    ErrorClass::Final(StoreError::Bug(what.to_owned()))
}

/// The result of running a failed statement once more.
struct ProbeResult {
    /// Its SQLSTATE; `00000` if it does not fail this time.
    code: String,
    /// What the session waits for locks.
    lock_timeout: Duration,
}

/// Runs a statement once more, and undoes it.
fn rerun_and_roll_back(connection: &mut PgConnection, failed: &FailedStatement) -> QueryResult<ProbeResult> {
    AnsiTransactionManager::begin_transaction(connection)?;
    let finding = probe(connection, failed);
    AnsiTransactionManager::rollback_transaction(connection)?;
    finding
}

fn probe(connection: &mut PgConnection, failed: &FailedStatement) -> QueryResult<ProbeResult> {
    let lock_timeout = lock_timeout(connection)?;
    connection.batch_execute("SET LOCAL lock_timeout = '500ms'; SET LOCAL statement_timeout = '900ms'")?;
    // Settings that end with the transaction: a block of PL/pgSQL takes no parameters.
    diesel::sql_query("SELECT set_config('leadgate.text', $1, true)")
        .bind::<Text, _>(failed.text)
        .execute(connection)?;
    let mut columns = Vec::with_capacity(failed.columns.len());
    for (number, column) in failed.columns.iter().enumerate() {
        ColumnSetting { number, column }.execute(connection)?;
        columns.push(format!("current_setting('leadgate.column_{number}')::{}", column.sql_type()));
    }
    connection.batch_execute(&format!(
        "DO $probe$ BEGIN
             EXECUTE current_setting('leadgate.text') USING {};
             PERFORM set_config('leadgate.code', '00000', true);
         EXCEPTION WHEN OTHERS THEN
             PERFORM set_config('leadgate.code', SQLSTATE, true);
         END $probe$",
        columns.join(", ")
    ))?;
    let code = diesel::select(diesel::dsl::sql::<Text>("current_setting('leadgate.code')"))
        .get_result(connection)?;
    Ok(ProbeResult { code, lock_timeout })
}

/// Keeps a column as the text of its array, which PostgreSQL makes.
struct ColumnSetting<'a> {
    number: usize,
    column: &'a Column<'static>,
}

impl QueryFragment<Pg> for ColumnSetting<'_> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        pass.unsafe_to_cache_prepared();
        pass.push_sql(&format!("SELECT set_config('leadgate.column_{}', (", self.number));
        self.column.push(&mut pass)?;
        pass.push_sql(")::text, true)");
        Ok(())
    }
}

impl QueryId for ColumnSetting<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl RunQueryDsl<PgConnection> for ColumnSetting<'_> {}
