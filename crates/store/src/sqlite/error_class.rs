//! Classifies the errors of SQLite. diesel exposes only the message, and SQLite's messages are constant
//! English texts.

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error};

use crate::error::{ErrorClass, StoreError, StoreFailure, TransactionError};

/// The beginnings of messages of temporary errors (`sqlite3_errstr`), and whether the connection stays
/// usable. After a failed fsync the contents of the disk are unknown: the connection's cache may be ahead of
/// it.
const TRANSIENT: &[(&str, StoreFailure, bool)] = &[
    ("database is locked", StoreFailure::Locked, true),
    ("database table is locked", StoreFailure::Locked, true),
    ("database schema is locked", StoreFailure::Locked, true),
    ("locking protocol", StoreFailure::Locked, true),
    ("interrupted", StoreFailure::Timeout, true),
    ("database schema has changed", StoreFailure::Conflict, true),
    ("disk I/O error", StoreFailure::Resources, false),
    ("database or disk is full", StoreFailure::Resources, false),
    ("unable to open database", StoreFailure::Resources, false),
    ("out of memory", StoreFailure::Resources, false),
    ("attempt to write a readonly database", StoreFailure::ReadOnly, false),
    ("database disk image is malformed", StoreFailure::Internal, false),
    ("file is not a database", StoreFailure::Internal, false),
];

/// The same for messages about values.
const REFUSED: &[(&str, &str)] = &[
    ("string or blob too big", "SQLITE_TOOBIG"),
    ("datatype mismatch", "SQLITE_MISMATCH"),
    ("cannot store", "SQLITE_CONSTRAINT_DATATYPE"),
    ("constraint failed", "SQLITE_CONSTRAINT"),
];

/// What is to be done, and whether the connection is spoiled.
pub(crate) fn classify(fault: TransactionError) -> (ErrorClass, bool) {
    let error = match fault {
        TransactionError::Store(error) => return (ErrorClass::Final(error), false),
        TransactionError::Database { error, .. }
        | TransactionError::Statement { error, .. }
        | TransactionError::Copy { error, .. } => error,
    };
    let (error, spoiled) = match error {
        Error::RollbackErrorOnCommit { commit_error, .. } => {
            return (classify(TransactionError::from(*commit_error)).0, true);
        }
        Error::DeserializationError(_) => {
            (StoreError::Bug("this build cannot read a stored row".to_owned()), false)
        }
        Error::DatabaseError(kind, information) => read(&kind, information.as_ref()),
        Error::NotFound => (StoreError::Bug("a row is missing".to_owned()), false),
        _ => (StoreError::Bug("diesel refused a statement".to_owned()), true),
    };
    (ErrorClass::Final(error), spoiled)
}

fn read(kind: &DatabaseErrorKind, information: &dyn DatabaseErrorInformation) -> (StoreError, bool) {
    let code = match kind {
        DatabaseErrorKind::UniqueViolation => Some("SQLITE_CONSTRAINT_UNIQUE"),
        DatabaseErrorKind::ForeignKeyViolation => Some("SQLITE_CONSTRAINT_FOREIGNKEY"),
        DatabaseErrorKind::NotNullViolation => Some("SQLITE_CONSTRAINT_NOTNULL"),
        DatabaseErrorKind::CheckViolation => Some("SQLITE_CONSTRAINT_CHECK"),
        _ => None,
    };
    let message = information.message();
    let refused = REFUSED.iter().find(|(begin, _)| message.starts_with(begin)).map(|(_, code)| *code);
    if let Some(code) = code.or(refused) {
        // The message names columns, in the form `… failed: leads.id`, and never a value.
        let constraint = message.split_once("failed: ").map(|(_, names)| names.to_owned());
        return (StoreError::RowRefused { code: code.to_owned(), constraint }, false);
    }
    if message.starts_with("no such table") || message.starts_with("no such column") {
        return (StoreError::NotMigrated, false);
    }
    match TRANSIENT.iter().find(|(begin, ..)| message.starts_with(begin)) {
        Some((_, failure, good)) => (StoreError::unavailable(*failure), !good),
        None => (StoreError::Bug("SQLite refused a statement".to_owned()), true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(message: &str) -> (ErrorClass, bool) {
        classify(Error::DatabaseError(DatabaseErrorKind::Unknown, Box::new(message.to_owned())).into())
    }

    /// The messages are those of `sqlite3_errstr` and of SQLite's checks of values.
    #[test]
    fn messages_ask_for_what_they_should() {
        for (message, failure, spoiled) in [
            ("database is locked", StoreFailure::Locked, false),
            ("disk I/O error", StoreFailure::Resources, true),
            ("database or disk is full", StoreFailure::Resources, true),
            ("attempt to write a readonly database", StoreFailure::ReadOnly, true),
            ("database disk image is malformed", StoreFailure::Internal, true),
        ] {
            let expected = ErrorClass::Final(StoreError::unavailable(failure));
            assert_eq!(judged(message), (expected, spoiled), "{message}");
        }
        for message in ["cannot store TEXT value in INTEGER column leads.score", "string or blob too big"] {
            let (verdict, spoiled) = judged(message);
            assert!(
                matches!(verdict, ErrorClass::Final(StoreError::RowRefused { .. })) && !spoiled,
                "{message}"
            );
        }
        assert_eq!(judged("no such table: leads").0, ErrorClass::Final(StoreError::NotMigrated));
    }

    #[test]
    fn an_unknown_message_is_not_repeated() {
        let (verdict, spoiled) = judged("no room for +14155550132");
        let ErrorClass::Final(error @ StoreError::Bug(_)) = verdict else { panic!("{verdict:?}") };
        assert!(spoiled && !error.to_string().contains("+1415"));
    }
}
