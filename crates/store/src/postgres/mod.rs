//! PostgreSQL, the store of the distributed shape.

/// The condition that a column has a value, for a query whose order begins with that column.
///
/// As a range: of an equality the planner knows that the column orders nothing, and may walk the primary key
/// past many rows with other values.
macro_rules! exactly {
    ($column:expr, $value:expr) => {
        $column.between($value, $value)
    };
}

/// The condition that a row of a table is one of several of an organization, by a column.
macro_rules! among {
    ($table:ident::$column:ident, $organization:expr, $values:expr) => {
        $crate::postgres::among::Among::new($table::organization, $table::$column, $organization, $values)
    };
}

/// The size of a lead's document in bytes.
macro_rules! size_of_document {
    () => {
        diesel::dsl::sql::<diesel::sql_types::Integer>("octet_length(leads.document)")
    };
}

mod among;
pub(crate) mod audit;
pub(crate) mod claims;
mod connect;
pub(crate) mod consents;
pub(crate) mod contacts;
pub(crate) mod erasure;
mod error_class;
mod insert;
pub(crate) mod installation;
pub(crate) mod leads;
pub(crate) mod locks;
mod migrate;
pub(crate) mod outcomes;
pub(crate) mod quarantine;
#[path = "../queries/mod.rs"]
mod queries;
pub(crate) mod reports;
pub(crate) mod retention;
mod schema;
mod statement;
pub(crate) mod submissions;
pub(crate) mod suppressions;

pub(crate) use connect::{PostgresAddress, has_marker};
pub(crate) use error_class::classify;
pub(crate) use statement::FailedStatement;

pub(crate) use queries::{crash_attempts, keys, mappings, organizations, scorings, sources, sweeps, tags};

/// The database for which `queries` is compiled here.
type Connection = diesel::PgConnection;
type Database = diesel::pg::Pg;
