//! PostgreSQL, the store of the distributed shape.

/// The condition that a column has a value, for a query whose order begins with that column.
///
/// It is not for a page that continues after an id, because a range ends the use of the index there: see `row_is`.
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

/// The position of a text within a text column, from 1 on; 0 if it does not contain it.
macro_rules! position_in {
    ($column:expr, $text:expr) => {
        $crate::postgres::strpos($column, $text)
    };
}

/// Changes are numbered by transactions. The oldest that still runs may change leads below the number of a later one
/// that is committed: this is the first number of a change that may still become visible.
macro_rules! first_incomplete_change {
    () => {
        diesel::dsl::sql::<diesel::sql_types::BigInt>("pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
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
pub(crate) mod deliveries;
pub(crate) mod erasure;
mod error_class;
mod insert;
pub(crate) mod installation;
pub(crate) mod lead_changes;
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

pub(crate) use queries::{
    crash_attempts, endpoints, events, keys, lead_pages, mappings, organizations, scorings, sources, sweeps,
    tags,
};

/// The database for which `queries` is compiled here.
type Connection = diesel::PgConnection;
type Database = diesel::pg::Pg;

#[diesel::declare_sql_function]
extern "SQL" {
    fn strpos(text: diesel::sql_types::Text, part: diesel::sql_types::Text) -> diesel::sql_types::Integer;
}
