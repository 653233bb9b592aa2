//! Deliveries and their attempts.

use std::time::Duration;

use diesel::prelude::*;
use leadgate_domain::{Attempt, AttemptId, DeliveryState, EndpointId, EventId, OrganizationId, Timestamp};
use serde::Serialize;

use super::schema::{attempts, deliveries};
use super::{Connection, Database};
use crate::deliveries::{AttemptRecord, DeliveryCursor, DeliveryFilter, DeliveryRecord};
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

#[derive(Insertable, Serialize)]
#[diesel(table_name = attempts, treat_none_as_default_value = false)]
pub(crate) struct AttemptRow<'a> {
    pub(crate) organization: Id,
    pub(crate) id: Id,
    pub(crate) endpoint: Id,
    pub(crate) event: Id,
    pub(crate) number: i32,
    pub(crate) at: Time,
    pub(crate) duration_micros: i64,
    pub(crate) result: &'static str,
    pub(crate) status: Option<i32>,
    pub(crate) response: Option<&'a str>,
}

impl<'a> From<&'a Attempt> for AttemptRow<'a> {
    fn from(attempt: &'a Attempt) -> Self {
        Self {
            organization: attempt.organization.into(),
            id: attempt.id.into(),
            endpoint: attempt.endpoint.into(),
            event: attempt.event.into(),
            number: i32::try_from(attempt.number).unwrap_or(i32::MAX),
            at: attempt.at.into(),
            duration_micros: i64::try_from(attempt.duration.as_micros()).unwrap_or(i64::MAX),
            result: attempt.result.as_str(),
            status: attempt.status.map(i32::from),
            response: attempt.response.as_deref(),
        }
    }
}

/// Deliveries that were not attempted yet and are due, the longest due first, without these events.
pub(crate) fn new_deliveries(
    connection: &mut Connection,
    lease: EndpointLease,
    without: &[EventId],
    now: Timestamp,
    limit: u32,
) -> QueryResult<Vec<(EventId, u32)>> {
    let rows: Vec<Id> = deliveries::table
        .filter(deliveries::organization.eq(Id::from(lease.organization)))
        .filter(deliveries::endpoint.eq(Id::from(lease.endpoint)))
        .filter(deliveries::state.eq("pending"))
        .filter(deliveries::attempts.eq(0))
        .filter(deliveries::next_attempt_at.le(Time(now)))
        .filter(deliveries::event.ne_all(without.iter().map(|id| Id::from(*id))))
        .order((deliveries::next_attempt_at, deliveries::event))
        .limit(limit.into())
        .select(deliveries::event)
        .load(connection)?;
    Ok(rows.into_iter().map(|event| (event.into(), 0)).collect())
}

/// Deliveries whose next attempt is due, the longest due first, without these events.
pub(crate) fn due_retries(
    connection: &mut Connection,
    lease: EndpointLease,
    without: &[EventId],
    now: Timestamp,
    limit: u32,
) -> QueryResult<Vec<(EventId, u32)>> {
    let rows: Vec<(Id, i32)> = deliveries::table
        .filter(deliveries::organization.eq(Id::from(lease.organization)))
        .filter(deliveries::endpoint.eq(Id::from(lease.endpoint)))
        .filter(deliveries::state.eq("pending"))
        .filter(deliveries::attempts.gt(0))
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
    let delivered = deliveries::table
        .filter(deliveries::organization.eq(Id::from(lease.organization)))
        .filter(deliveries::endpoint.eq(Id::from(lease.endpoint)))
        .filter(deliveries::event.eq_any(events.iter().map(|id| Id::from(*id))));
    diesel::delete(delivered).execute(connection)
}

/// These deliveries of an endpoint are not attempted any more.
pub(crate) fn end_deliveries(
    connection: &mut Connection,
    lease: EndpointLease,
    events: &[EventId],
    state: DeliveryState,
) -> QueryResult<usize> {
    let ended = deliveries::table
        .filter(deliveries::organization.eq(Id::from(lease.organization)))
        .filter(deliveries::endpoint.eq(Id::from(lease.endpoint)))
        .filter(deliveries::event.eq_any(events.iter().map(|id| Id::from(*id))));
    // One that was withdrawn meanwhile stays withdrawn.
    let pending = ended.filter(deliveries::state.eq(DeliveryState::Pending.as_str()));
    diesel::update(pending).set(deliveries::state.eq(state.as_str())).execute(connection)
}

/// These deliveries are attempted later.
pub(crate) fn postpone_deliveries(
    connection: &mut Connection,
    lease: EndpointLease,
    events: &[EventId],
    until: Timestamp,
) -> QueryResult<usize> {
    let postponed = deliveries::table
        .filter(deliveries::organization.eq(Id::from(lease.organization)))
        .filter(deliveries::endpoint.eq(Id::from(lease.endpoint)))
        .filter(deliveries::event.eq_any(events.iter().map(|id| Id::from(*id))));
    diesel::update(postponed).set(deliveries::next_attempt_at.eq(Time(until))).execute(connection)
}

/// Deletes some deliveries of an endpoint. Returns how many.
pub(crate) fn delete_some_deliveries(
    connection: &mut Connection,
    organization: OrganizationId,
    endpoint: EndpointId,
    limit: u32,
) -> QueryResult<usize> {
    let own = deliveries::table
        .filter(deliveries::organization.eq(Id::from(organization)))
        .filter(deliveries::endpoint.eq(Id::from(endpoint)));
    let some: Vec<Id> =
        own.order(deliveries::event).limit(limit.into()).select(deliveries::event).load(connection)?;
    diesel::delete(own.filter(deliveries::event.eq_any(some))).execute(connection)
}

/// Whether an attempt is recorded.
pub(crate) fn has_attempt(
    connection: &mut Connection,
    organization: OrganizationId,
    id: AttemptId,
) -> QueryResult<bool> {
    let attempt = attempts::table.find((Id::from(organization), Id::from(id)));
    diesel::select(diesel::dsl::exists(attempt)).get_result(connection)
}

/// The number of deliveries of an endpoint in each state.
pub(crate) fn count_deliveries(
    connection: &mut Connection,
    organization: OrganizationId,
    endpoint: EndpointId,
) -> QueryResult<Vec<(String, i64)>> {
    deliveries::table
        .filter(deliveries::organization.eq(Id::from(organization)))
        .filter(deliveries::endpoint.eq(Id::from(endpoint)))
        .group_by(deliveries::state)
        .select((deliveries::state, diesel::dsl::count_star()))
        .load(connection)
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = attempts, check_for_backend(Database))]
struct StoredAttempt {
    id: Id,
    endpoint: Id,
    event: Id,
    number: i32,
    at: Time,
    duration_micros: i64,
    result: String,
    status: Option<i32>,
    response: Option<String>,
}

impl From<StoredAttempt> for AttemptRecord {
    fn from(row: StoredAttempt) -> Self {
        Self {
            id: row.id.into(),
            endpoint: row.endpoint.into(),
            event: row.event.into(),
            number: row.number.unsigned_abs(),
            at: row.at.into(),
            duration_seconds: Duration::from_micros(row.duration_micros.unsigned_abs()).as_secs_f64(),
            result: row.result,
            status: row.status.and_then(|status| u16::try_from(status).ok()),
            response: row.response,
        }
    }
}

/// Attempts, the newest first, before the id `before`.
pub(crate) fn attempts_page(
    connection: &mut Connection,
    organization: OrganizationId,
    filter: &DeliveryFilter,
    before: AttemptId,
    limit: u32,
) -> QueryResult<Page<AttemptRecord, AttemptId>> {
    let mut found = attempts::table
        .filter(attempts::organization.eq(Id::from(organization)))
        .filter(attempts::id.lt(Id::from(before)))
        .select(StoredAttempt::as_select())
        .order(attempts::id.desc())
        .limit(i64::from(limit) + 1)
        .into_boxed::<Database>();
    if let Some(endpoint) = filter.endpoint {
        found = found.filter(attempts::endpoint.eq(Id::from(endpoint)));
    }
    if let Some(event) = filter.event {
        found = found.filter(attempts::event.eq(Id::from(event)));
    }
    let rows: Vec<AttemptRecord> = found.load(connection)?.into_iter().map(AttemptRecord::from).collect();
    let size = |attempt: &AttemptRecord| 300 + attempt.response.as_ref().map_or(0, String::len);
    Ok(Page::fit(rows, limit, size, |attempt| attempt.id))
}

/// Events that endpoints have not received, the oldest first, after the endpoint and event `after`.
pub(crate) fn deliveries_page(
    connection: &mut Connection,
    organization: OrganizationId,
    filter: &DeliveryFilter,
    after: DeliveryCursor,
    limit: u32,
) -> QueryResult<Page<DeliveryRecord, DeliveryCursor>> {
    let (endpoint, event) = (Id::from(after.endpoint), Id::from(after.event));
    let mut found = deliveries::table
        .filter(deliveries::organization.eq(Id::from(organization)))
        .filter(deliveries::endpoint.ge(endpoint))
        .filter(deliveries::endpoint.gt(endpoint).or(deliveries::event.gt(event)))
        .order((deliveries::endpoint, deliveries::event))
        .limit(i64::from(limit) + 1)
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
    if let Some(state) = filter.state {
        found = found.filter(deliveries::state.eq(state.as_str()));
    }
    let rows: Vec<(Id, Id, String, i32, Time)> = found.load(connection)?;
    let record = |(endpoint, event, state, attempts, next): (Id, Id, String, i32, Time)| DeliveryRecord {
        endpoint: endpoint.into(),
        event: event.into(),
        failed_attempts: attempts.unsigned_abs(),
        next_attempt_at: (state == DeliveryState::Pending.as_str()).then(|| next.into()),
        state,
    };
    let rows = rows.into_iter().map(record).collect();
    Ok(Page::cut(rows, limit, |record: &DeliveryRecord| DeliveryCursor {
        endpoint: record.endpoint,
        event: record.event,
    }))
}

/// Attempts exhausted deliveries of events after this one again, from the first attempt on. Returns their events.
pub(crate) fn restart_exhausted(
    connection: &mut Connection,
    organization: OrganizationId,
    endpoint: EndpointId,
    after: EventId,
    now: Timestamp,
    limit: u32,
) -> QueryResult<Vec<EventId>> {
    let exhausted = deliveries::table
        .filter(deliveries::organization.eq(Id::from(organization)))
        .filter(deliveries::endpoint.eq(Id::from(endpoint)))
        .filter(deliveries::state.eq(DeliveryState::Exhausted.as_str()));
    let some = exhausted.filter(deliveries::event.gt(Id::from(after))).order(deliveries::event);
    let some: Vec<Id> = some.limit(limit.into()).select(deliveries::event).load(connection)?;
    let restarted = (
        deliveries::state.eq(DeliveryState::Pending.as_str()),
        deliveries::attempts.eq(0),
        deliveries::next_attempt_at.eq(Time(now)),
    );
    diesel::update(exhausted.filter(deliveries::event.eq_any(&some))).set(restarted).execute(connection)?;
    Ok(some.into_iter().map(EventId::from).collect())
}

/// Removes the responses to events.
pub(crate) fn empty_responses(
    connection: &mut Connection,
    organization: OrganizationId,
    events: &[EventId],
) -> QueryResult<usize> {
    let of_events =
        attempts::table.filter(among!(attempts::event, organization, events.iter().copied().map(Id::from)));
    diesel::update(of_events).set(attempts::response.eq(None::<String>)).execute(connection)
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
