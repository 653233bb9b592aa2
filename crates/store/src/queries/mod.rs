//! The queries in diesel's DSL, and the rows. PostgreSQL and SQLite each compile this folder with a schema of
//! their own: a query is written once, and checked against the tables of both.
//!
//! What diesel cannot say, or what is faster in another form, stands in the folder of its database under the
//! same name.

use super::{Connection, Database, schema};

/// `row_is!(table::column < (value, id))`: compares `(column, id)` of a row. diesel has no comparison of rows. Without one,
/// a page would read all rows with the value that are not on it.
macro_rules! row_is {
    ($table:ident::$column:ident $operator:tt ($value:expr, $id:expr)) => {
        diesel::dsl::sql::<diesel::sql_types::Bool>(concat!(
            "(",
            stringify!($table),
            ".",
            stringify!($column),
            ", ",
            stringify!($table),
            ".id) ",
            stringify!($operator),
            " ("
        ))
        .bind::<diesel::dsl::SqlTypeOf<$table::$column>, _>($value)
        .sql(", ")
        .bind::<diesel::dsl::SqlTypeOf<$table::id>, _>($id)
        .sql(")")
    };
}

/// Whether an outcome is not the current one of its submission.
macro_rules! is_superseded {
    () => {{
        use super::schema::outcomes;
        let later = diesel::alias!(outcomes as later);
        diesel::dsl::exists(
            later
                .filter(later.field(outcomes::organization).eq(outcomes::organization))
                .filter(later.field(outcomes::submission).eq(outcomes::submission))
                .filter(later.field(outcomes::revision).gt(outcomes::revision)),
        )
    }};
}

pub(crate) mod attempts;
pub(crate) mod audit;
pub(crate) mod claims;
pub(crate) mod consents;
pub(crate) mod contacts;
pub(crate) mod crash_attempts;
pub(crate) mod deliveries;
pub(crate) mod endpoints;
pub(crate) mod erasure;
pub(crate) mod events;
pub(crate) mod installation;
pub(crate) mod keys;
pub(crate) mod lead_changes;
pub(crate) mod lead_pages;
pub(crate) mod leads;
pub(crate) mod mappings;
pub(crate) mod organizations;
pub(crate) mod outcomes;
pub(crate) mod quarantine;
pub(crate) mod reports;
pub(crate) mod retention;
pub(crate) mod scorings;
pub(crate) mod sources;
pub(crate) mod submissions;
pub(crate) mod suppressions;
pub(crate) mod sweeps;
pub(crate) mod tags;
