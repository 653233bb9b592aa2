//! Attempts of deliveries.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use leadgate_domain::{Attempt, AttemptId, AttemptResult, EndpointId, EventId, OrganizationId};
use serde::Serialize;

use super::deliveries::of_lead;
use super::schema::attempts;
use super::{Connection, Database};
use crate::deliveries::{AttemptRecord, DeliveryFilter, EventSummary};
use crate::page::Page;
use crate::values::{Id, Time};

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

/// Whether an attempt is recorded.
pub(crate) fn has_attempt(
    connection: &mut Connection,
    organization: OrganizationId,
    id: AttemptId,
) -> QueryResult<bool> {
    let attempt = attempts::table.find((Id::from(organization), Id::from(id)));
    diesel::select(diesel::dsl::exists(attempt)).get_result(connection)
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
            summary: EventSummary::default(),
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
    filter: DeliveryFilter,
    before: AttemptId,
    limit: u32,
) -> QueryResult<Page<AttemptRecord, AttemptId>> {
    let mut found = attempts::table
        .filter(attempts::organization.eq(Id::from(organization)))
        .filter(attempts::id.lt(Id::from(before)))
        .select(StoredAttempt::as_select())
        .into_boxed::<Database>();
    if !filter.is_of_few_events() {
        found = found.order(attempts::id.desc()).limit(i64::from(limit) + 1);
    }
    if let Some(endpoint) = filter.endpoint {
        found = found.filter(attempts::endpoint.eq(Id::from(endpoint)));
    }
    if let Some(event) = filter.event {
        found = found.filter(attempts::event.eq(Id::from(event)));
    }
    if let Some(lead) = filter.lead {
        found = found.filter(attempts::event.eq_any(of_lead(organization.into(), lead.into())));
    }
    match filter.result {
        // For the index `attempts_failed`.
        Some(result) if result != AttemptResult::Delivered => {
            let failed = sql::<Bool>("attempts.result <> 'delivered'");
            found = found.filter(failed).filter(attempts::result.eq(result.as_str()));
        }
        Some(result) => found = found.filter(attempts::result.eq(result.as_str())),
        None => {}
    }
    let mut rows: Vec<AttemptRecord> = found.load(connection)?.into_iter().map(AttemptRecord::from).collect();
    rows.sort_by_key(|attempt| Reverse(attempt.id));
    let size = |attempt: &AttemptRecord| 300 + attempt.response.as_ref().map_or(0, String::len);
    Ok(Page::fit(rows, limit, size, |attempt| attempt.id))
}

/// The results of the last attempts to send these events to an endpoint.
pub(crate) fn last_results(
    connection: &mut Connection,
    organization: OrganizationId,
    endpoint: EndpointId,
    events: &[EventId],
) -> QueryResult<BTreeMap<EventId, String>> {
    let rows: Vec<(Id, String)> = attempts::table
        .filter(among!(attempts::event, organization, events.iter().copied().map(Id::from)))
        .filter(attempts::endpoint.eq(Id::from(endpoint)))
        .order(attempts::id)
        .select((attempts::event, attempts::result))
        .load(connection)?;
    // The last one of an event replaces the others.
    Ok(rows.into_iter().map(|(event, result)| (event.into(), result)).collect())
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
