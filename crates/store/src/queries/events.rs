//! Events.

use std::collections::BTreeMap;

use diesel::prelude::*;
use leadgate_domain::{Event, EventId, LeadId, OrganizationId};
use serde::Serialize;

use super::schema::events;
use super::{Connection, Database};
use crate::deliveries::EventSummary;
use crate::error::StoreError;
use crate::events::NewEvent;
use crate::page::fitting;
use crate::values::{Id, Time, document};

#[derive(Insertable, Serialize)]
#[diesel(table_name = events, treat_none_as_default_value = false)]
pub(crate) struct NewEventRow<'a> {
    organization: Id,
    id: Id,
    kind: &'static str,
    lead: Option<Id>,
    submission: Option<Id>,
    at: Time,
    lead_document: Option<&'a str>,
    detail: String,
}

impl<'a> NewEventRow<'a> {
    pub(crate) fn new(event: &NewEvent<'a>) -> Result<Self, StoreError> {
        Ok(Self {
            organization: event.organization.into(),
            id: event.id.into(),
            kind: event.kind.as_str(),
            lead: event.lead.map(Id::from),
            submission: event.submission.map(Id::from),
            at: event.at.into(),
            lead_document: event.document,
            detail: document(&event.detail)?,
        })
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = events, check_for_backend(Database))]
struct EventRow {
    organization: Id,
    id: Id,
    kind: String,
    lead: Option<Id>,
    submission: Option<Id>,
    at: Time,
    lead_document: Option<String>,
    detail: String,
}

impl EventRow {
    /// `None` if only a newer build can read it.
    fn read(self) -> Option<Event> {
        Some(Event {
            organization: self.organization.into(),
            id: self.id.into(),
            kind: self.kind.parse().ok()?,
            lead: self.lead.map(LeadId::from),
            submission: self.submission.map(leadgate_domain::SubmissionId::from),
            at: self.at.into(),
            document: self.lead_document.map(|text| serde_json::from_str(&text)).transpose().ok()?,
            detail: serde_json::from_str(&self.detail).ok()?,
        })
    }
}

/// Those that exist, and the ids of those that this build cannot read.
pub(crate) fn events_by_id(
    connection: &mut Connection,
    organization: OrganizationId,
    ids: &[EventId],
) -> QueryResult<(Vec<Event>, Vec<EventId>)> {
    let rows: Vec<EventRow> = events::table
        .filter(among!(events::id, organization, ids.iter().copied().map(Id::from)))
        .select(EventRow::as_select())
        .load(connection)?;
    let (mut events, mut unreadable) = (Vec::new(), Vec::new());
    for row in rows {
        let id = EventId::from(row.id);
        match row.read() {
            Some(event) => events.push(event),
            None => unreadable.push(id),
        }
    }
    Ok((events, unreadable))
}

pub(crate) fn events_of_leads(
    connection: &mut Connection,
    organization: OrganizationId,
    ids: &[LeadId],
) -> QueryResult<Vec<EventId>> {
    let ids: Vec<Id> = events::table
        .filter(among!(events::lead, organization, ids.iter().copied().map(Id::from)))
        .select(events::id)
        .load(connection)?;
    Ok(ids.into_iter().map(EventId::from).collect())
}

/// Removes the leads from events.
pub(crate) fn empty_events(
    connection: &mut Connection,
    organization: OrganizationId,
    ids: &[EventId],
) -> QueryResult<usize> {
    let named = events::table.filter(among!(events::id, organization, ids.iter().copied().map(Id::from)));
    diesel::update(named).set(events::lead_document.eq(None::<String>)).execute(connection)
}

/// Events of an organization or of one of its leads, after one id and up to another, the oldest first, without those that
/// this build cannot read. A page with large
/// events ends early. Also the id of the last one that was looked at.
pub(crate) fn events_after(
    connection: &mut Connection,
    organization: OrganizationId,
    lead: Option<LeadId>,
    (after, end): (EventId, EventId),
    limit: u32,
) -> QueryResult<(Vec<Event>, Option<EventId>)> {
    let mut found = events::table
        .filter(events::organization.eq(Id::from(organization)))
        .filter(events::id.gt(Id::from(after)).and(events::id.le(Id::from(end))))
        .order(events::id)
        .limit(limit.into())
        .select(EventRow::as_select())
        .into_boxed::<Database>();
    if let Some(lead) = lead {
        found = found.filter(events::lead.eq(Id::from(lead)));
    }
    let mut rows: Vec<EventRow> = found.load(connection)?;
    let sizes = rows.iter().map(|row| 300 + row.lead_document.as_ref().map_or(0, String::len));
    rows.truncate(fitting(sizes, limit));
    let last = rows.last().map(|row| EventId::from(row.id));
    Ok((rows.into_iter().filter_map(EventRow::read).collect(), last))
}

/// What lists say about the events of deliveries.
pub(crate) fn event_summaries(
    connection: &mut Connection,
    organization: OrganizationId,
    ids: &[EventId],
) -> QueryResult<BTreeMap<EventId, EventSummary>> {
    let rows: Vec<(Id, String, Option<Id>)> = events::table
        .filter(among!(events::id, organization, ids.iter().copied().map(Id::from)))
        .select((events::id, events::kind, events::lead))
        .load(connection)?;
    let read = |(id, kind, lead): (Id, String, Option<Id>)| {
        (id.into(), EventSummary { kind, lead: lead.map(LeadId::from) })
    };
    Ok(rows.into_iter().map(read).collect())
}
