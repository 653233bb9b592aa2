//! Events, deliveries and attempts, one row after the other.

use diesel::prelude::*;
use leadgate_domain::{Attempt, DeliveryState};

pub(crate) use super::queries::attempts::*;
pub(crate) use super::queries::deliveries::*;
use super::queries::events::NewEventRow;
use super::schema::{attempts, deliveries, events};
use crate::connection::InsertMode;
use crate::dispatch::{EndpointLease, FailedDelivery, NewDelivery};
use crate::error::TransactionError;
use crate::events::NewEvent;
use crate::values::{Id, Time};

pub(crate) fn insert_events(
    connection: &mut SqliteConnection,
    _mode: InsertMode,
    new: &[NewEvent<'_>],
) -> Result<(), TransactionError> {
    for event in new {
        diesel::insert_into(events::table).values(NewEventRow::new(event)?).execute(connection)?;
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

/// Each has one more failed attempt, and its next attempt or none. A delivery that was restarted during the attempt stays
/// as it is.
pub(crate) fn fail_deliveries(
    connection: &mut SqliteConnection,
    lease: EndpointLease,
    failed: &[FailedDelivery],
) -> Result<(), TransactionError> {
    for one in failed {
        let delivery = (Id::from(lease.organization), Id::from(lease.endpoint), Id::from(one.event));
        let attempts = i32::try_from(one.attempts).unwrap_or(i32::MAX);
        let attempted = deliveries::table
            .find(delivery)
            .filter(deliveries::state.eq("pending"))
            .filter(deliveries::attempts.eq(attempts - 1));
        let counted = deliveries::attempts.eq(attempts);
        match one.next_attempt_at {
            Some(at) => diesel::update(attempted)
                .set((counted, deliveries::next_attempt_at.eq(Time(at))))
                .execute(connection)?,
            None => diesel::update(attempted)
                .set((counted, deliveries::state.eq(DeliveryState::Exhausted.as_str())))
                .execute(connection)?,
        };
    }
    Ok(())
}

/// Adds deliveries, and starts those again that do not wait for their first attempt. Returns how many.
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
            .filter(deliveries::state.ne("pending").or(deliveries::attempts.gt(0)))
            .execute(connection)?;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use leadgate_domain::{
        AttemptId, AttemptResult, DeliveryState, EndpointId, EventId, LeadId, OrganizationId, Timestamp,
    };
    use uuid::Uuid;

    use super::*;
    use crate::deliveries::{DeliveryCursor, DeliveryFilter};
    use crate::sqlite::plans::plan_of;
    use crate::sqlite::queries::endpoints::endpoints_with_due_deliveries;

    /// The indexes of the tables of deliveries and attempts that a query uses.
    fn indexes(plan: &[String]) -> Vec<&str> {
        let steps = plan.iter().filter(|step| step.contains("deliveries") || step.contains("attempts"));
        steps.filter_map(|step| step.split(" (").next()?.split(' ').next_back()).collect()
    }

    /// However many deliveries wait at an endpoint, those that are due are found by an index.
    #[test]
    fn deliveries_are_found_by_their_partial_indexes() {
        let (organization, endpoint) = (OrganizationId::generate(), EndpointId::generate());
        let (lease, now) = (EndpointLease::for_test(organization, endpoint), Timestamp::now());
        let new = plan_of(|connection| new_deliveries(connection, lease, &[], (now, now), 10));
        assert_eq!(indexes(&new), ["deliveries_new"], "{new:?}");
        let retries = plan_of(|connection| due_retries(connection, lease, &[], now, 10));
        assert_eq!(indexes(&retries), ["deliveries_to_retry"], "{retries:?}");
        let due = plan_of(|connection| endpoints_with_due_deliveries(connection, now, 10));
        assert_eq!(indexes(&due), ["deliveries_new", "deliveries_to_retry"], "{due:?}");
        let count =
            |state| plan_of(|connection| count_deliveries(connection, organization, endpoint, state, 10));
        let counted = count(DeliveryState::Pending);
        assert_eq!(indexes(&counted), ["deliveries_new", "deliveries_to_retry"], "{counted:?}");
        let counted = count(DeliveryState::Exhausted);
        assert_eq!(indexes(&counted), ["deliveries_ended"], "{counted:?}");
        let page = |state| {
            let filter = DeliveryFilter { state: Some(state), ..DeliveryFilter::default() };
            plan_of(|connection| {
                deliveries_page(connection, organization, filter, DeliveryCursor::start(), 10)
            })
        };
        let ended = page(DeliveryState::Withdrawn);
        assert_eq!(indexes(&ended), ["deliveries_ended"], "{ended:?}");
        let pending = page(DeliveryState::Pending);
        assert_eq!(indexes(&pending), ["sqlite_autoindex_deliveries_1"], "{pending:?}");
        let of_lead =
            DeliveryFilter { lead: Some(LeadId::from_uuid(Uuid::max())), ..DeliveryFilter::default() };
        let (start, last) = (DeliveryCursor::start(), AttemptId::from_uuid(Uuid::max()));
        let page = plan_of(|connection| deliveries_page(connection, organization, of_lead, start, 10));
        assert_eq!(indexes(&page), ["deliveries_of_event"], "{page:?}");
        let page = plan_of(|connection| attempts_page(connection, organization, of_lead, last, 10));
        assert_eq!(indexes(&page), ["attempts_of_event"], "{page:?}");
        let timed_out = DeliveryFilter { result: Some(AttemptResult::TimedOut), ..DeliveryFilter::default() };
        let failed = plan_of(|connection| attempts_page(connection, organization, timed_out, last, 10));
        assert_eq!(indexes(&failed), ["attempts_failed"], "{failed:?}");
        let event = [EventId::generate()];
        let new = plan_of(|connection| before_first_attempt(connection, organization, endpoint, &event));
        assert_eq!(indexes(&new), ["sqlite_autoindex_deliveries_1"], "{new:?}");
        let last = plan_of(|connection| last_results(connection, organization, endpoint, &event));
        assert_eq!(indexes(&last), ["attempts_of_event"], "{last:?}");
        let range = (event[0], event[0]);
        let attempted = plan_of(|connection| attempted_events(connection, organization, endpoint, range, 10));
        assert_eq!(indexes(&attempted), ["sqlite_autoindex_deliveries_1"], "{attempted:?}");
    }
}
