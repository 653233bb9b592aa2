//! Deliveries.
//!
//! The conditions of partial indexes are literal text: SQLite uses such an index only for a condition without parameters.

use std::collections::BTreeSet;

use diesel::dsl::sql;
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use leadgate_domain::{DeliveryState, EndpointId, EventId, OrganizationId, Timestamp};
use serde::Serialize;

use super::schema::{deliveries, events};
use super::{Connection, Database};
use crate::deliveries::{DeliveryCursor, DeliveryFilter, DeliveryRecord, EventSummary};
use crate::dispatch::{EndpointLease, NewDelivery};
use crate::page::Page;
use crate::values::{Id, Time};

#[derive(Insertable, Serialize)]
#[diesel(table_name = deliveries, treat_none_as_default_value = false)]
pub(crate) struct DeliveryRow {
    pub(crate) organization: Id,
    pub(crate) endpoint: Id,
    pub(crate) event: Id,
    pub(crate) state: &'static str,
    pub(crate) attempts: i32,
    pub(crate) next_attempt_at: Time,
}

impl From<&NewDelivery> for DeliveryRow {
    fn from(new: &NewDelivery) -> Self {
        Self {
            organization: new.organization.into(),
            endpoint: new.endpoint.into(),
            event: new.event.into(),
            state: DeliveryState::Pending.as_str(),
            attempts: 0,
            next_attempt_at: new.due_at.into(),
        }
    }
}

/// Whether a delivery was not attempted yet, for the index `deliveries_new`.
pub(crate) fn is_new() -> SqlLiteral<Bool> {
    sql("(deliveries.state = 'pending' AND deliveries.attempts = 0)")
}

/// Whether a delivery waits for its next attempt, for the index `deliveries_to_retry`.
pub(crate) fn is_to_retry() -> SqlLiteral<Bool> {
    sql("(deliveries.state = 'pending' AND deliveries.attempts > 0)")
}

/// Whether a delivery is not attempted any more, for the index `deliveries_ended`.
fn is_ended() -> SqlLiteral<Bool> {
    sql("deliveries.state <> 'pending'")
}

/// Deliveries to one endpoint.
#[diesel::dsl::auto_type(no_type_alias)]
fn to_endpoint(organization: Id, endpoint: Id) -> _ {
    deliveries::table
        .filter(deliveries::organization.eq(organization))
        .filter(deliveries::endpoint.eq(endpoint))
}

/// The events of a lead.
#[diesel::dsl::auto_type(no_type_alias)]
pub(crate) fn of_lead(organization: Id, lead: Id) -> _ {
    events::table
        .filter(events::organization.eq(organization))
        .filter(events::lead.eq(lead))
        .select(events::id)
}

/// Deliveries of some events to one endpoint. Each is looked up, however many deliveries wait.
macro_rules! of_events {
    ($organization:expr, $endpoint:expr, $events:expr) => {
        deliveries::table
            .filter(among!(deliveries::event, $organization, $events.iter().copied().map(Id::from)))
            .filter(deliveries::endpoint.eq(Id::from($endpoint)))
    };
}

/// Deliveries that were not attempted yet and are due since `from` or later, the longest due first, without these
/// events. Each with the time at which it became due.
pub(crate) fn new_deliveries(
    connection: &mut Connection,
    lease: EndpointLease,
    without: &[EventId],
    (from, now): (Timestamp, Timestamp),
    limit: u32,
) -> QueryResult<Vec<(EventId, Timestamp)>> {
    let rows: Vec<(Id, Time)> = to_endpoint(lease.organization.into(), lease.endpoint.into())
        .filter(is_new())
        .filter(deliveries::next_attempt_at.between(Time(from), Time(now)))
        .filter(deliveries::event.ne_all(without.iter().map(|id| Id::from(*id))))
        .order((deliveries::next_attempt_at, deliveries::event))
        .limit(limit.into())
        .select((deliveries::event, deliveries::next_attempt_at))
        .load(connection)?;
    Ok(rows.into_iter().map(|(event, due_at)| (event.into(), due_at.into())).collect())
}

/// Deliveries whose next attempt is due, the longest due first, without these events.
pub(crate) fn due_retries(
    connection: &mut Connection,
    lease: EndpointLease,
    without: &[EventId],
    now: Timestamp,
    limit: u32,
) -> QueryResult<Vec<(EventId, u32)>> {
    let rows: Vec<(Id, i32)> = to_endpoint(lease.organization.into(), lease.endpoint.into())
        .filter(is_to_retry())
        .filter(deliveries::next_attempt_at.le(Time(now)))
        .filter(deliveries::event.ne_all(without.iter().map(|id| Id::from(*id))))
        .order(deliveries::next_attempt_at)
        .limit(limit.into())
        .select((deliveries::event, deliveries::attempts))
        .load(connection)?;
    Ok(rows.into_iter().map(|(event, attempts)| (event.into(), attempts.unsigned_abs())).collect())
}

/// Deletes the deliveries of events that were delivered.
pub(crate) fn delete_deliveries(
    connection: &mut Connection,
    lease: EndpointLease,
    events: &[EventId],
) -> QueryResult<usize> {
    diesel::delete(of_events!(lease.organization, lease.endpoint, events)).execute(connection)
}

/// These events are not sent to the endpoint.
pub(crate) fn withdraw_from_endpoint(
    connection: &mut Connection,
    lease: EndpointLease,
    events: &[EventId],
) -> QueryResult<usize> {
    let pending = of_events!(lease.organization, lease.endpoint, events)
        .filter(deliveries::state.eq(DeliveryState::Pending.as_str()));
    diesel::update(pending).set(deliveries::state.eq(DeliveryState::Withdrawn.as_str())).execute(connection)
}

/// These deliveries are attempted later.
pub(crate) fn postpone_deliveries(
    connection: &mut Connection,
    lease: EndpointLease,
    events: &[EventId],
    until: Timestamp,
) -> QueryResult<usize> {
    diesel::update(of_events!(lease.organization, lease.endpoint, events))
        .set(deliveries::next_attempt_at.eq(Time(until)))
        .execute(connection)
}

/// Those of these events that wait for their first attempt at an endpoint.
pub(crate) fn before_first_attempt(
    connection: &mut Connection,
    organization: OrganizationId,
    endpoint: EndpointId,
    events: &[EventId],
) -> QueryResult<BTreeSet<EventId>> {
    let new: Vec<Id> = of_events!(organization, endpoint, events)
        .filter(deliveries::state.eq(DeliveryState::Pending.as_str()).and(deliveries::attempts.eq(0)))
        .select(deliveries::event)
        .load(connection)?;
    Ok(new.into_iter().map(EventId::from).collect())
}

/// Looks at the next deliveries of an endpoint, of events after the first id and up to the second one. Returns the events
/// that were attempted or withdrawn, and the last event that was looked at.
pub(crate) fn attempted_events(
    connection: &mut Connection,
    organization: OrganizationId,
    endpoint: EndpointId,
    (after, end): (EventId, EventId),
    limit: u32,
) -> QueryResult<(Vec<EventId>, Option<EventId>)> {
    let rows: Vec<(Id, String, i32)> = to_endpoint(organization.into(), endpoint.into())
        .filter(deliveries::event.gt(Id::from(after)).and(deliveries::event.le(Id::from(end))))
        .order(deliveries::event)
        .limit(limit.into())
        .select((deliveries::event, deliveries::state, deliveries::attempts))
        .load(connection)?;
    let last = rows.last().map(|(event, ..)| EventId::from(*event));
    let is_attempted = |state: &str, attempts: i32| state != DeliveryState::Pending.as_str() || attempts > 0;
    let attempted = rows.into_iter().filter(|(_, state, attempts)| is_attempted(state, *attempts));
    Ok((attempted.map(|(event, ..)| event.into()).collect(), last))
}

/// Deletes some deliveries of an endpoint. Returns how many.
pub(crate) fn delete_some_deliveries(
    connection: &mut Connection,
    organization: OrganizationId,
    endpoint: EndpointId,
    limit: u32,
) -> QueryResult<usize> {
    let own = to_endpoint(organization.into(), endpoint.into());
    let some: Vec<Id> =
        own.order(deliveries::event).limit(limit.into()).select(deliveries::event).load(connection)?;
    diesel::delete(of_events!(organization, endpoint, some)).execute(connection)
}

/// The number of deliveries of an endpoint whose attempts all failed.
pub(crate) fn count_exhausted(
    connection: &mut Connection,
    organization: OrganizationId,
    endpoint: EndpointId,
) -> QueryResult<u64> {
    to_endpoint(organization.into(), endpoint.into())
        .filter(is_ended())
        .filter(deliveries::state.eq(DeliveryState::Exhausted.as_str()))
        .count()
        .get_result(connection)
        .map(i64::unsigned_abs)
}

/// The number of deliveries of an endpoint in a state, counted up to `most`.
pub(crate) fn count_deliveries(
    connection: &mut Connection,
    organization: OrganizationId,
    endpoint: EndpointId,
    state: DeliveryState,
    most: u32,
) -> QueryResult<u64> {
    let own = to_endpoint(organization.into(), endpoint.into()).select(deliveries::event);
    let count = |found: Vec<Id>| u64::try_from(found.len()).unwrap_or(u64::MAX);
    Ok(match state {
        DeliveryState::Pending => {
            let new = count(own.filter(is_new()).limit(most.into()).load(connection)?);
            let to_retry = count(own.filter(is_to_retry()).limit(most.into()).load(connection)?);
            (new + to_retry).min(most.into())
        }
        DeliveryState::Exhausted | DeliveryState::Withdrawn => {
            let ended = own.filter(is_ended()).filter(deliveries::state.eq(state.as_str()));
            count(ended.limit(most.into()).load(connection)?)
        }
    })
}

/// Events that endpoints have not received, the oldest first, after the endpoint and event `after`.
pub(crate) fn deliveries_page(
    connection: &mut Connection,
    organization: OrganizationId,
    filter: DeliveryFilter,
    after: DeliveryCursor,
    limit: u32,
) -> QueryResult<Page<DeliveryRecord, DeliveryCursor>> {
    let mut found = deliveries::table
        .filter(deliveries::organization.eq(Id::from(organization)))
        .select((
            deliveries::endpoint,
            deliveries::event,
            deliveries::state,
            deliveries::attempts,
            deliveries::next_attempt_at,
        ))
        .into_boxed::<Database>();
    if let Some(endpoint) = filter.endpoint {
        found = found.filter(deliveries::endpoint.eq(Id::from(endpoint)));
    }
    if let Some(event) = filter.event {
        found = found.filter(deliveries::event.eq(Id::from(event)));
    }
    if let Some(lead) = filter.lead {
        found = found.filter(deliveries::event.eq_any(of_lead(organization.into(), lead.into())));
    }
    if let Some(state) = filter.state {
        found = found.filter(deliveries::state.eq(state.as_str()));
        if state != DeliveryState::Pending {
            found = found.filter(is_ended());
        }
    }
    if !filter.is_of_few_events() {
        let (endpoint, event) = (Id::from(after.endpoint), Id::from(after.event));
        found = found
            .filter(deliveries::endpoint.ge(endpoint))
            .filter(deliveries::endpoint.gt(endpoint).or(deliveries::event.gt(event)))
            .order((deliveries::endpoint, deliveries::event))
            .limit(i64::from(limit) + 1);
    }
    let rows: Vec<(Id, Id, String, i32, Time)> = found.load(connection)?;
    let record = |(endpoint, event, state, attempts, next): (Id, Id, String, i32, Time)| DeliveryRecord {
        endpoint: endpoint.into(),
        event: event.into(),
        summary: EventSummary::default(),
        failed_attempts: attempts.unsigned_abs(),
        next_attempt_at: (state == DeliveryState::Pending.as_str()).then(|| next.into()),
        state,
    };
    let cursor = |record: &DeliveryRecord| DeliveryCursor { endpoint: record.endpoint, event: record.event };
    let mut rows: Vec<DeliveryRecord> = rows.into_iter().map(record).collect();
    rows.retain(|record| cursor(record) > after);
    rows.sort_by_key(cursor);
    Ok(Page::cut(rows, limit, cursor))
}

/// Restarts the exhausted deliveries of events after this one. Returns their events.
pub(crate) fn restart_exhausted(
    connection: &mut Connection,
    organization: OrganizationId,
    endpoint: EndpointId,
    after: EventId,
    now: Timestamp,
    limit: u32,
) -> QueryResult<Vec<EventId>> {
    let exhausted = to_endpoint(organization.into(), endpoint.into())
        .filter(is_ended())
        .filter(deliveries::state.eq(DeliveryState::Exhausted.as_str()));
    let some = exhausted.filter(deliveries::event.gt(Id::from(after))).order(deliveries::event);
    let some: Vec<Id> = some.limit(limit.into()).select(deliveries::event).load(connection)?;
    let restarted = (
        deliveries::state.eq(DeliveryState::Pending.as_str()),
        deliveries::attempts.eq(0),
        deliveries::next_attempt_at.eq(Time(now)),
    );
    let restarting = of_events!(organization, endpoint, some)
        .filter(deliveries::state.eq(DeliveryState::Exhausted.as_str()));
    diesel::update(restarting).set(restarted).execute(connection)?;
    Ok(some.into_iter().map(EventId::from).collect())
}

/// Events that are not sent to any endpoint any more.
pub(crate) fn withdraw_deliveries(
    connection: &mut Connection,
    organization: OrganizationId,
    events: &[EventId],
) -> QueryResult<usize> {
    let all = deliveries::table.filter(among!(
        deliveries::event,
        organization,
        events.iter().copied().map(Id::from)
    ));
    diesel::update(all).set(deliveries::state.eq(DeliveryState::Withdrawn.as_str())).execute(connection)
}
