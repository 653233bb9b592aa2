//! Events.

use diesel::prelude::*;
use leadgate_domain::{Event, EventId, Lead, LeadId, OrganizationId};
use serde::Serialize;

use super::schema::events;
use super::{Connection, Database};
use crate::error::StoreError;
use crate::values::{Id, Time, document};

#[derive(Queryable, Selectable, Insertable, Serialize)]
#[diesel(table_name = events, check_for_backend(Database), treat_none_as_default_value = false)]
pub(crate) struct EventRow {
    pub(crate) organization: Id,
    pub(crate) id: Id,
    pub(crate) kind: String,
    pub(crate) lead: Option<Id>,
    pub(crate) submission: Option<Id>,
    pub(crate) at: Time,
    pub(crate) lead_document: Option<String>,
    pub(crate) detail: String,
}

impl EventRow {
    pub(crate) fn new(event: &Event) -> Result<Self, StoreError> {
        Ok(Self {
            organization: event.organization.into(),
            id: event.id.into(),
            kind: event.kind.to_string(),
            lead: event.lead.map(Id::from),
            submission: event.submission.map(Id::from),
            at: event.at.into(),
            lead_document: event.document.as_ref().map(document::<Lead>).transpose()?,
            detail: document(&event.detail)?,
        })
    }

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

/// Events of an organization after one id and up to another, the oldest first, without those that this build cannot read.
/// Also the id of the last one that was looked at.
pub(crate) fn events_after(
    connection: &mut Connection,
    organization: OrganizationId,
    after: EventId,
    end: EventId,
    limit: u32,
) -> QueryResult<(Vec<Event>, Option<EventId>)> {
    let rows: Vec<EventRow> = events::table
        .filter(events::organization.eq(Id::from(organization)))
        .filter(events::id.gt(Id::from(after)).and(events::id.le(Id::from(end))))
        .order(events::id)
        .limit(limit.into())
        .select(EventRow::as_select())
        .load(connection)?;
    let last = rows.last().map(|row| EventId::from(row.id));
    Ok((rows.into_iter().filter_map(EventRow::read).collect(), last))
}
