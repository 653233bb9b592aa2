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

/// The position of a text within a text column, from 1 on; 0 if it does not contain it.
macro_rules! position_in {
    ($column:expr, $text:expr) => {
        $crate::sqlite::instr($column, $text)
    };
}

/// The first number of a change that may still become visible. There is one writer at a time, so there is none.
macro_rules! first_incomplete_change {
    () => {
        i64::MAX
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
pub(crate) mod deliveries;
pub(crate) mod erasure;
mod error_class;
pub(crate) mod installation;
pub(crate) mod lead_changes;
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

pub(crate) use queries::{
    crash_attempts, endpoints, events, keys, lead_pages, mappings, organizations, scorings, sources, sweeps,
    tags,
};

/// The database for which `queries` is compiled here.
type Connection = diesel::SqliteConnection;
type Database = diesel::sqlite::Sqlite;

#[diesel::declare_sql_function]
extern "SQL" {
    fn instr(text: diesel::sql_types::Text, part: diesel::sql_types::Text) -> diesel::sql_types::Integer;
}
