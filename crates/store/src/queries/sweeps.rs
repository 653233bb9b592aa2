//! Leases of periodic tasks.

use diesel::prelude::*;
use diesel::upsert::excluded;
use leadgate_domain::Timestamp;
use uuid::Uuid;

use super::Connection;
use super::schema::sweeps;
use crate::sweep::Lease;
use crate::values::{Id, Time};

/// Whether the task was free. It belongs to the lease then.
pub(crate) fn acquire_lease(connection: &mut Connection, lease: &Lease) -> QueryResult<bool> {
    // `QueryDsl` has no filter for an insert.
    use diesel::query_dsl::methods::FilterDsl;

    let row = (
        sweeps::name.eq(lease.name),
        sweeps::taken_at.eq(Time(lease.taken_at)),
        sweeps::until.eq(Time(lease.until)),
    );
    let written = diesel::insert_into(sweeps::table)
        .values(row)
        .on_conflict(sweeps::name)
        .do_update()
        .set((sweeps::taken_at.eq(excluded(sweeps::taken_at)), sweeps::until.eq(excluded(sweeps::until))))
        .filter(sweeps::until.le(Time(lease.taken_at)))
        .execute(connection)?;
    Ok(written > 0)
}

/// Only of one that was not acquired by another since.
pub(crate) fn end_lease(connection: &mut Connection, lease: &Lease, until: Timestamp) -> QueryResult<()> {
    let taken = sweeps::table.find(lease.name).filter(sweeps::taken_at.eq(Time(lease.taken_at)));
    diesel::update(taken).set(sweeps::until.eq(Time(until))).execute(connection).map(drop)
}

/// Where the last run of a sweep stopped.
pub(crate) fn position(connection: &mut Connection, name: &str) -> QueryResult<Option<Uuid>> {
    let position: Option<Option<Id>> =
        sweeps::table.find(name).select(sweeps::position).get_result(connection).optional()?;
    Ok(position.flatten().map(Uuid::from))
}

/// Of a sweep that was leased before.
pub(crate) fn set_position(
    connection: &mut Connection,
    name: &str,
    position: Option<Uuid>,
) -> QueryResult<()> {
    let change = sweeps::position.eq(position.map(Id));
    diesel::update(sweeps::table.find(name)).set(change).execute(connection).map(drop)
}
