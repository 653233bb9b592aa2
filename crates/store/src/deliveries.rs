//! Deliveries and attempts, for operators.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use leadgate_domain::{
    AttemptId, AttemptResult, AuditAction, DeliveryCounts, DeliveryState, Endpoint, EndpointId, Event,
    EventDetail, EventId, EventType, LeadId, OrganizationId, Timestamp,
};
use serde::Serialize;
use uuid::Uuid;

use crate::audit;
use crate::connection::{StoreConnection, query};
use crate::dispatch::NewDelivery;
use crate::error::{StoreError, TransactionError};
use crate::events::NewEvent;
use crate::page::Page;
use crate::retention::first_id_at;
use crate::store::Store;

/// A position in a list of deliveries. The text is opaque to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeliveryCursor {
    pub(crate) endpoint: EndpointId,
    pub(crate) event: EventId,
}

impl DeliveryCursor {
    /// Before the first.
    pub(crate) fn start() -> Self {
        Self { endpoint: EndpointId::from_uuid(Uuid::nil()), event: EventId::from_uuid(Uuid::nil()) }
    }
}

impl fmt::Display for DeliveryCursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.endpoint.as_uuid().simple(), self.event.as_uuid().simple())
    }
}

impl FromStr for DeliveryCursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = |text: &str| Uuid::try_parse(text).map_err(|_| "not a cursor");
        let (endpoint, event) = text.split_once('.').ok_or("not a cursor")?;
        Ok(Self { endpoint: EndpointId::from_uuid(id(endpoint)?), event: EventId::from_uuid(id(event)?) })
    }
}

/// Selects deliveries or attempts. What is not set selects all.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeliveryFilter {
    pub endpoint: Option<EndpointId>,
    pub event: Option<EventId>,
    /// Those about a lead.
    pub lead: Option<LeadId>,
    /// Of deliveries only.
    pub state: Option<DeliveryState>,
    /// Of attempts only.
    pub result: Option<AttemptResult>,
}

impl DeliveryFilter {
    /// Whether the rows are found by their events. Then the query has no order, and its rows are sorted afterwards: with an
    /// order, a database would rather read all rows in this order.
    pub(crate) fn is_of_few_events(&self) -> bool {
        self.event.is_some() || self.lead.is_some()
    }
}

/// Selects events. What is not set selects all.
#[derive(Debug, Clone, Copy, Default)]
pub struct EventFilter {
    pub lead: Option<LeadId>,
    /// From this time on, with a precision of a millisecond.
    pub since: Option<Timestamp>,
}

/// What lists say about an event. Its type may be one that only a newer build knows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct EventSummary {
    #[serde(rename = "type")]
    pub kind: String,
    pub lead: Option<LeadId>,
}

/// An event that an endpoint has not received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeliveryRecord {
    pub endpoint: EndpointId,
    pub event: EventId,
    /// Empty if the event is deleted.
    #[serde(flatten)]
    pub summary: EventSummary,
    pub state: String,
    pub failed_attempts: u32,
    /// If it is pending.
    pub next_attempt_at: Option<Timestamp>,
}

/// A count of more takes too long for a page.
pub const MAX_COUNTED_DELIVERIES: u32 = 10_000;

/// The greatest id before this one.
pub(crate) fn before(id: EventId) -> EventId {
    EventId::from_uuid(Uuid::from_u128(id.as_uuid().as_u128().saturating_sub(1)))
}

/// An attempt as it is stored. Another build may have written it, with a result that this build does not know.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttemptRecord {
    pub id: AttemptId,
    pub endpoint: EndpointId,
    pub event: EventId,
    /// Empty if the event is deleted.
    #[serde(flatten)]
    pub summary: EventSummary,
    /// The first attempt of a delivery has the number 1.
    pub number: u32,
    pub at: Timestamp,
    pub duration_seconds: f64,
    pub result: String,
    pub status: Option<u16>,
    /// The beginning of the response body, or why a template could not be applied. `None` if the event was delivered.
    pub response: Option<String>,
}

fn add_summaries<'r>(
    session: &mut StoreConnection,
    organization: OrganizationId,
    rows: impl Iterator<Item = (EventId, &'r mut EventSummary)>,
) -> Result<(), TransactionError> {
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    let ids: BTreeSet<EventId> = rows.iter().map(|(event, _)| *event).collect();
    let ids: Vec<_> = ids.into_iter().collect();
    let summaries = query!(session, events::event_summaries(organization, &ids))?;
    for (event, summary) in rows {
        *summary = summaries.get(&event).cloned().unwrap_or_default();
    }
    Ok(())
}

impl Store {
    /// The number of deliveries of an endpoint in each state, counted up to [`MAX_COUNTED_DELIVERIES`].
    pub async fn count_deliveries(
        &self,
        organization: OrganizationId,
        endpoint: EndpointId,
    ) -> Result<DeliveryCounts, StoreError> {
        self.read(move |session| {
            let mut count = |state| {
                let most = MAX_COUNTED_DELIVERIES;
                query!(session, deliveries::count_deliveries(organization, endpoint, state, most))
            };
            Ok(DeliveryCounts {
                pending: count(DeliveryState::Pending)?,
                exhausted: count(DeliveryState::Exhausted)?,
                withdrawn: count(DeliveryState::Withdrawn)?,
            })
        })
        .await
    }

    /// The number of deliveries of an endpoint whose attempts all failed, however many they are.
    pub async fn count_exhausted(
        &self,
        organization: OrganizationId,
        endpoint: EndpointId,
    ) -> Result<u64, StoreError> {
        self.read(move |session| query!(session, deliveries::count_exhausted(organization, endpoint))).await
    }

    /// At most `limit` events that endpoints have not received, by endpoint and from the oldest to the newest, starting
    /// after the given one.
    pub async fn deliveries(
        &self,
        organization: OrganizationId,
        filter: DeliveryFilter,
        after: Option<DeliveryCursor>,
        limit: u32,
    ) -> Result<Page<DeliveryRecord, DeliveryCursor>, StoreError> {
        let after = after.unwrap_or_else(DeliveryCursor::start);
        self.read(move |session| {
            let mut page = query!(session, deliveries::deliveries_page(organization, filter, after, limit))?;
            let events = page.data.iter_mut().map(|one| (one.event, &mut one.summary));
            add_summaries(session, organization, events)?;
            Ok(page)
        })
        .await
    }

    /// At most `limit` events from the oldest to the newest, starting after the given one. Events that this build cannot
    /// read are left out.
    pub async fn events(
        &self,
        organization: OrganizationId,
        filter: EventFilter,
        after: Option<EventId>,
        limit: u32,
    ) -> Result<Page<Event, EventId>, StoreError> {
        let first = filter.since.map_or(Uuid::nil(), first_id_at);
        let after = after.unwrap_or_else(|| before(EventId::from_uuid(first)));
        let range = (after, EventId::from_uuid(Uuid::max()));
        let reading = self.read(move |session| {
            query!(session, events::events_after(organization, filter.lead, range, limit))
        });
        let (data, next) = reading.await?;
        Ok(Page { data, next })
    }

    /// At most `limit` attempts from the newest to the oldest, starting after the given one.
    pub async fn attempts(
        &self,
        organization: OrganizationId,
        filter: DeliveryFilter,
        after: Option<AttemptId>,
        limit: u32,
    ) -> Result<Page<AttemptRecord, AttemptId>, StoreError> {
        let before = after.unwrap_or(AttemptId::from_uuid(Uuid::max()));
        self.read(move |session| {
            let mut page = query!(session, deliveries::attempts_page(organization, filter, before, limit))?;
            let events = page.data.iter_mut().map(|one| (one.event, &mut one.summary));
            add_summaries(session, organization, events)?;
            Ok(page)
        })
        .await
    }

    /// Adds an event of the type `test` for one endpoint, and its audit entry.
    pub async fn add_test_event(&self, endpoint: &Endpoint) -> Result<EventId, StoreError> {
        let (id, at, organization) = (EventId::generate(), Timestamp::now(), endpoint.organization);
        let event = NewEvent {
            organization,
            id,
            kind: EventType::Test,
            lead: None,
            submission: None,
            at,
            document: None,
            detail: EventDetail::default(),
        };
        let delivery = NewDelivery { organization, endpoint: endpoint.id, event: id, due_at: at };
        let entry = self.entry(organization, AuditAction::EndpointTested).with_target(endpoint.id);
        self.write(move |session| {
            audit::record(session, std::slice::from_ref(&entry))?;
            let mode = session.insert_mode;
            query!(session, deliveries::insert_events(mode, std::slice::from_ref(&event)))?;
            query!(session, deliveries::insert_deliveries(mode, &[delivery]))
        })
        .await?;
        Ok(id)
    }
}
