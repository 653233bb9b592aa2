//! Classifies the errors of PostgreSQL.
//!
//! The SQLSTATE has the meaning of an error, but diesel exposes it for a few kinds only, and the message is
//! in the server's language. So a statement that failed for another reason is run once more, alone, in a
//! block that catches the error and returns its SQLSTATE, and is rolled back. A refused value fails again. An
//! error that does not occur again (above all a deadlock) is retried anyway.

use std::time::Duration;

use diesel::PgConnection;
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind as Kind, Error};
use diesel::sql_types::{BigInt, Text};

use crate::connection::FailedStatement;
use crate::error::{ErrorClass, StoreError, StoreFailure};

/// A statement that ran for so long did not fail over a value. Above the second after which deadlocks are
/// found.
const LONG: Duration = Duration::from_millis(1_800);

/// The verdict, and whether the connection is spoiled.
pub(crate) fn classify(
    connection: &mut PgConnection,
    failed: Option<FailedStatement>,
    error: Error,
) -> (ErrorClass, bool) {
    let (kind, information) = match error {
        Error::RollbackErrorOnCommit { commit_error, .. } => {
            return (classify(connection, None, *commit_error).0, true);
        }
        Error::DatabaseError(kind, information) => (kind, information),
        Error::BrokenTransactionManager | Error::AlreadyInTransaction | Error::NotInTransaction => {
            return (unavailable(StoreFailure::Connection), true);
        }
        _ => return (bug("diesel refused a statement"), true),
    };
    let refused = |code: &str| refused(code, information.as_ref());
    let verdict = match kind {
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
        _ => match failed {
            None => unavailable(StoreFailure::Internal),
            // Lock time-outs take as long. Only a statement time-out is recognizable by its (English)
            // message; everything else is treated as a lock time-out.
            Some(failed) if failed.took >= LONG => {
                let own = information.message().contains("statement timeout");
                unavailable(if own { StoreFailure::Timeout } else { StoreFailure::Locked })
            }
            Some(failed) => match rerun_and_roll_back(connection, &failed) {
                Ok(ProbeResult { code, .. }) if code == "00000" => ErrorClass::Retry,
                // The retry waits for a lock now, but the failed statement did not wait for as long as
                // `lock_timeout`. So it was a deadlock, and the other transaction still holds the lock.
                Ok(ProbeResult { code, lock_timeout }) if code == "55P03" && failed.took < lock_timeout => {
                    ErrorClass::Retry
                }
                Ok(ProbeResult { code, .. }) => read(&code, information.as_ref()),
                Err(_) => return (unavailable(StoreFailure::Internal), true),
            },
        },
    };
    (verdict, false)
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
    let waits = "(SELECT setting::bigint FROM pg_settings WHERE name = 'lock_timeout')";
    let waits: i64 = diesel::select(diesel::dsl::sql::<BigInt>(waits)).get_result(connection)?;
    connection.batch_execute("SET LOCAL lock_timeout = '500ms'; SET LOCAL statement_timeout = '900ms'")?;
    // Settings that end with the transaction: a block of PL/pgSQL takes no parameters.
    diesel::sql_query("SELECT set_config('leadgate.text', $1, true), set_config('leadgate.rows', $2, true)")
        .bind::<Text, _>(failed.text)
        .bind::<Text, _>(&failed.rows)
        .execute(connection)?;
    connection.batch_execute(
        "DO $probe$ BEGIN
             EXECUTE current_setting('leadgate.text') USING current_setting('leadgate.rows');
             PERFORM set_config('leadgate.code', '00000', true);
         EXCEPTION WHEN OTHERS THEN
             PERFORM set_config('leadgate.code', SQLSTATE, true);
         END $probe$",
    )?;
    let code = diesel::select(diesel::dsl::sql::<Text>("current_setting('leadgate.code')"))
        .get_result(connection)?;
    Ok(ProbeResult { code, lock_timeout: Duration::from_millis(u64::try_from(waits).unwrap_or(0)) })
}
