//! The queries in diesel's DSL, and the rows. PostgreSQL and SQLite each compile this folder with a schema of
//! their own: a query is written once, and checked against the tables of both.
//!
//! What diesel cannot say, or what is faster in another form, stands in the folder of its database under the
//! same name.

use super::{Connection, Database, schema};

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

pub(crate) mod audit;
pub(crate) mod claims;
pub(crate) mod consents;
pub(crate) mod contacts;
pub(crate) mod crash_attempts;
pub(crate) mod erasure;
pub(crate) mod installation;
pub(crate) mod keys;
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
