//! SQLite, the store of the embedded shape.

/// The condition that a column has a value, for a query whose order begins with that column.
macro_rules! exactly {
    ($column:expr, $value:expr) => {
        $column.eq($value)
    };
}

/// The condition that a row of a table is one of several of an organization, by a column.
macro_rules! among {
    ($table:ident::$column:ident, $organization:expr, $values:expr) => {
        $table::organization.eq($crate::values::Id::from($organization)).and($table::$column.eq_any($values))
    };
}

/// The size of a lead's document in bytes. `octet_length` came with SQLite 3.43, which not all systems have.
macro_rules! size_of_document {
    () => {
        diesel::dsl::sql::<diesel::sql_types::Integer>("length(CAST(leads.document AS BLOB))")
    };
}

pub(crate) mod audit;
pub(crate) mod claims;
mod connect;
pub(crate) mod consents;
pub(crate) mod contacts;
pub(crate) mod erasure;
mod error_class;
pub(crate) mod installation;
pub(crate) mod leads;
pub(crate) mod locks;
mod migrate;
pub(crate) mod outcomes;
#[cfg(test)]
mod plans;
pub(crate) mod quarantine;
#[path = "../queries/mod.rs"]
mod queries;
pub(crate) mod reports;
pub(crate) mod retention;
mod schema;
pub(crate) mod submissions;
pub(crate) mod suppressions;

pub(crate) use connect::{SqliteAddress, empty_log, integrity_check};
pub(crate) use error_class::classify;

pub(crate) use queries::{crash_attempts, keys, mappings, organizations, scorings, sources, sweeps, tags};

/// The database for which `queries` is compiled here.
type Connection = diesel::SqliteConnection;
type Database = diesel::sqlite::Sqlite;
