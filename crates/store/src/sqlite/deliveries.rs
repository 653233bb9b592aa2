//! Events, deliveries and attempts, one row after the other.

use diesel::prelude::*;
use leadgate_domain::{Attempt, Event, EventId, Timestamp};

pub(crate) use super::queries::deliveries::*;
use super::queries::events::EventRow;
use super::schema::{attempts, deliveries, events};
use crate::connection::InsertMode;
use crate::dispatch::{EndpointLease, NewDelivery};
use crate::error::TransactionError;
use crate::values::{Id, Time};

pub(crate) fn insert_events(
    connection: &mut SqliteConnection,
    _mode: InsertMode,
    new: &[Event],
) -> Result<(), TransactionError> {
    for event in new {
        diesel::insert_into(events::table).values(EventRow::new(event)?).execute(connection)?;
    }
    Ok(())
}

pub(crate) fn insert_deliveries(
    connection: &mut SqliteConnection,
    _mode: InsertMode,
    new: &[NewDelivery],
) -> Result<(), TransactionError> {
    for one in new {
        diesel::insert_into(deliveries::table).values(DeliveryRow::from(one)).execute(connection)?;
    }
    Ok(())
}

pub(crate) fn insert_attempts(
    connection: &mut SqliteConnection,
    _mode: InsertMode,
    new: &[Attempt],
) -> Result<(), TransactionError> {
    for one in new {
        diesel::insert_into(attempts::table).values(AttemptRow::from(one)).execute(connection)?;
    }
    Ok(())
}

/// One more failed attempt of each, and when the next one is due.
pub(crate) fn reschedule_deliveries(
    connection: &mut SqliteConnection,
    lease: EndpointLease,
    failed: &[(EventId, Timestamp)],
) -> Result<(), TransactionError> {
    for (event, at) in failed {
        let delivery = (Id::from(lease.organization), Id::from(lease.endpoint), Id::from(*event));
        diesel::update(deliveries::table.find(delivery).filter(deliveries::state.eq("pending")))
            .set((
                deliveries::attempts.eq(deliveries::attempts + 1),
                deliveries::next_attempt_at.eq(Time(*at)),
            ))
            .execute(connection)?;
    }
    Ok(())
}

/// Adds deliveries, and starts those again that are not pending. Returns how many.
pub(crate) fn add_or_restart_deliveries(
    connection: &mut SqliteConnection,
    all: &[NewDelivery],
) -> Result<usize, TransactionError> {
    // `QueryDsl` has no filter for an insert.
    use diesel::query_dsl::methods::FilterDsl;

    let mut count = 0;
    for one in all {
        count += diesel::insert_into(deliveries::table)
            .values(DeliveryRow::from(one))
            .on_conflict((deliveries::organization, deliveries::endpoint, deliveries::event))
            .do_update()
            .set((
                deliveries::state.eq("pending"),
                deliveries::attempts.eq(0),
                deliveries::next_attempt_at.eq(Time(one.due_at)),
            ))
            .filter(deliveries::state.ne("pending"))
            .execute(connection)?;
    }
    Ok(count)
}
