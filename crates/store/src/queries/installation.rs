//! The installation, always one row.

use diesel::prelude::*;
use uuid::Uuid;

use super::Connection;
use super::schema::installation;
use crate::installation::Installation;
use crate::values::Id;

diesel::table! {
    /// diesel's own.
    __diesel_schema_migrations (version) {
        version -> Text,
    }
}

/// The versions of all migrations that were run.
pub(crate) fn migrations(connection: &mut Connection) -> QueryResult<Vec<String>> {
    __diesel_schema_migrations::table.select(__diesel_schema_migrations::version).load(connection)
}

/// Keeps what exists.
pub(crate) fn create_installation(
    connection: &mut Connection,
    match_key: &str,
    epoch: Uuid,
) -> QueryResult<usize> {
    let row = (
        installation::id.eq(1_i16),
        installation::match_key.eq(match_key),
        installation::generation.eq(0_i64),
        installation::epoch.eq(Id(epoch)),
    );
    diesel::insert_into(installation::table)
        .values(row)
        .on_conflict(installation::id)
        .do_nothing()
        .execute(connection)
}

pub(crate) fn read_installation(connection: &mut Connection) -> QueryResult<Option<Installation>> {
    let columns =
        (installation::match_key, installation::shards, installation::generation, installation::epoch);
    installation::table.select(columns).first(connection).optional()
}

/// Replaces the sealed match key, unless it was sealed again meanwhile.
pub(crate) fn replace_match_key(
    connection: &mut Connection,
    before: &str,
    after: &str,
) -> QueryResult<usize> {
    let sealed = installation::table.filter(installation::match_key.eq(before));
    diesel::update(sealed).set(installation::match_key.eq(after)).execute(connection)
}

pub(crate) fn set_epoch(connection: &mut Connection, epoch: Uuid) -> QueryResult<usize> {
    diesel::update(installation::table).set(installation::epoch.eq(Id(epoch))).execute(connection)
}

/// Adds one to the generation, and locks its row until the transaction ends. Returns the new generation.
pub(crate) fn next_generation(connection: &mut Connection) -> QueryResult<Option<i64>> {
    diesel::update(installation::table)
        .set(installation::generation.eq(installation::generation + 1))
        .returning(installation::generation)
        .get_result(connection)
        .optional()
}

/// A number that is not larger changes nothing.
pub(crate) fn raise_shards(connection: &mut Connection, shards: u16) -> QueryResult<usize> {
    let shards = i32::from(shards);
    diesel::update(installation::table.filter(installation::shards.lt(shards)))
        .set((installation::shards.eq(shards), installation::generation.eq(installation::generation + 1)))
        .execute(connection)
}
