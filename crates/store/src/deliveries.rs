//! Deliveries and attempts, for operators.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use leadgate_domain::{
    AttemptId, AuditAction, DeliveryCounts, DeliveryState, Eligibility, Endpoint, EndpointId, Event,
    EventDetail, EventId, EventType, OrganizationId, Timestamp,
};
use serde::Serialize;
use uuid::Uuid;

use crate::audit;
use crate::connection::{StoreConnection, query};
use crate::dispatch::{NewDelivery, eligible_leads};
use crate::error::{StoreError, TransactionError};
use crate::page::Page;
use crate::retention::first_id_at;
use crate::store::Store;

/// A position in a list of deliveries. The text is opaque to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryCursor {
    pub(crate) endpoint: EndpointId,
    pub(crate) event: EventId,
}

impl DeliveryCursor {
    /// Before the first.
    fn start() -> Self {
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

/// Selects deliveries or attempts.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeliveryFilter {
    pub endpoint: Option<EndpointId>,
    pub event: Option<EventId>,
    /// Of deliveries only.
    pub state: Option<DeliveryState>,
}

/// An event that an endpoint has not received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeliveryRecord {
    pub endpoint: EndpointId,
    pub event: EventId,
    pub state: String,
    pub failed_attempts: u32,
    /// If it is pending.
    pub next_attempt_at: Option<Timestamp>,
}

/// Which events are sent again.
#[derive(Debug, Clone, Copy)]
pub enum ReplaySelection {
    One(EventId),
    /// All since this time that the endpoint wants by its present settings, with a precision of a millisecond.
    Since(Timestamp),
}

/// Events or deliveries per transaction.
const REPLAYED_AT_ONCE: u32 = 500;

/// The greatest id before this one.
fn before(id: EventId) -> EventId {
    EventId::from_uuid(Uuid::from_u128(id.as_uuid().as_u128().saturating_sub(1)))
}

/// A page of the events after one id and up to another: the last id that was looked at, and the events to send.
fn read_replayed(
    session: &mut StoreConnection,
    endpoint: &Endpoint,
    selection: ReplaySelection,
    (after, end): (EventId, EventId),
) -> Result<(Option<EventId>, Vec<EventId>), TransactionError> {
    let organization = endpoint.organization;
    let (mut events, last) =
        query!(session, events::events_after(organization, after, end, REPLAYED_AT_ONCE))?;
    events.retain(|event| match selection {
        ReplaySelection::One(_) => !is_emptied(event),
        ReplaySelection::Since(_) => !is_emptied(event) && is_wanted(endpoint, event),
    });
    let says_eligible =
        |event: &Event| event.document.as_ref().is_some_and(|lead| lead.eligibility == Eligibility::Eligible);
    let announced =
        events.iter().filter(|event| says_eligible(event)).filter_map(|event| event.lead).collect();
    let now = session.now()?;
    let eligible = eligible_leads(session, organization, announced, now)?;
    events.retain(|event| !says_eligible(event) || event.lead.is_some_and(|lead| eligible.contains(&lead)));
    Ok((last, events.into_iter().map(|event| event.id).collect()))
}

/// Whether an erasure removed the lead.
fn is_emptied(event: &Event) -> bool {
    event.lead.is_some() && event.document.is_none() && event.kind != EventType::LeadErased
}

fn is_wanted(endpoint: &Endpoint, event: &Event) -> bool {
    let lead = event.document.as_ref();
    let source = lead.map(|lead| lead.source).or(event.detail.source);
    // Tests were for one endpoint, and it knows itself that it was disabled.
    event.kind != EventType::Test
        && event.detail.endpoint != Some(endpoint.id)
        && endpoint.settings.wants(event.kind, source, lead)
}

/// An attempt as it is stored. Another build may have written it, with a result that this build does not know.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttemptRecord {
    pub id: AttemptId,
    pub endpoint: EndpointId,
    pub event: EventId,
    /// The first attempt of a delivery has the number 1.
    pub number: u32,
    pub at: Timestamp,
    pub duration_seconds: f64,
    pub result: String,
    pub status: Option<u16>,
    /// The beginning of the response body. `None` if the event was delivered.
    pub response: Option<String>,
}

impl Store {
    pub async fn count_deliveries(
        &self,
        organization: OrganizationId,
        endpoint: EndpointId,
    ) -> Result<DeliveryCounts, StoreError> {
        let counted =
            self.read(move |session| query!(session, deliveries::count_deliveries(organization, endpoint)));
        let mut counts = DeliveryCounts::default();
        for (state, count) in counted.await? {
            match state.parse() {
                Ok(DeliveryState::Pending) => counts.pending = count.unsigned_abs(),
                Ok(DeliveryState::Exhausted) => counts.exhausted = count.unsigned_abs(),
                Ok(DeliveryState::Withdrawn) => counts.withdrawn = count.unsigned_abs(),
                Err(_) => {}
            }
        }
        Ok(counts)
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
            query!(session, deliveries::deliveries_page(organization, &filter, after, limit))
        })
        .await
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
            query!(session, deliveries::attempts_page(organization, &filter, before, limit))
        })
        .await
    }

    /// Attempts exhausted deliveries of an endpoint again. Returns their number.
    pub async fn replay_exhausted(
        &self,
        organization: OrganizationId,
        endpoint: EndpointId,
    ) -> Result<usize, StoreError> {
        let entry = self.entry(organization, AuditAction::DeliveriesReplayed).with_target(endpoint);
        let (mut after, mut count) = (EventId::from_uuid(Uuid::nil()), 0);
        loop {
            let entry = entry.clone();
            let restarting = self.write(move |session| {
                let (now, limit) = (session.now()?, REPLAYED_AT_ONCE);
                let restarted = query!(
                    session,
                    deliveries::restart_exhausted(organization, endpoint, after, now, limit)
                )?;
                if !restarted.is_empty() {
                    audit::record(session, &[entry.clone().with_detail("count", restarted.len())])?;
                }
                Ok(restarted)
            });
            let restarted = restarting.await?;
            count += restarted.len();
            // Events before it may be exhausted once more, and are not replayed once more.
            match restarted.last() {
                Some(last) => after = *last,
                None => return Ok(count),
            }
        }
    }

    /// Sends the selected events to an endpoint again, also those that it has received. Left out are events about erased
    /// leads, and events that say that a lead is eligible that is not eligible now. Returns their number; with `dry_run` it
    /// only counts.
    pub async fn replay_events(
        &self,
        endpoint: &Endpoint,
        selection: ReplaySelection,
        dry_run: bool,
    ) -> Result<usize, StoreError> {
        let (mut after, end) = match selection {
            ReplaySelection::One(event) => (before(event), event),
            // Later ones are new, and sent anyway.
            ReplaySelection::Since(at) => {
                let now = self.now().await?;
                (EventId::from_uuid(first_id_at(at)), EventId::from_uuid(first_id_at(now)))
            }
        };
        let (organization, id) = (endpoint.organization, endpoint.id);
        let (mut count, endpoint) = (0, Arc::new(endpoint.clone()));
        let entry = self.entry(organization, AuditAction::DeliveriesReplayed).with_target(id);
        loop {
            let wanted = Arc::clone(&endpoint);
            let reading = self.read(move |session| read_replayed(session, &wanted, selection, (after, end)));
            let (last, events) = reading.await?;
            count += match dry_run || events.is_empty() {
                true => events.len(),
                false => {
                    let entry = entry.clone();
                    let adding = self.write(move |session| {
                        let due_at = session.now()?;
                        let new = |event: &EventId| NewDelivery {
                            organization,
                            endpoint: id,
                            event: *event,
                            due_at,
                        };
                        let new: Vec<_> = events.iter().map(new).collect();
                        let added = query!(session, deliveries::add_or_restart_deliveries(&new))?;
                        audit::record(session, &[entry.clone().with_detail("count", added)])?;
                        Ok(added)
                    });
                    adding.await?
                }
            };
            match last {
                Some(last) if last < end => after = last,
                _ => return Ok(count),
            }
        }
    }

    /// Adds an event of the type `test` for one endpoint, and its audit entry.
    pub async fn add_test_event(&self, endpoint: &Endpoint) -> Result<EventId, StoreError> {
        let now = Timestamp::now();
        let event = Event {
            organization: endpoint.organization,
            id: EventId::generate(),
            kind: EventType::Test,
            lead: None,
            submission: None,
            at: now,
            document: None,
            detail: EventDetail::default(),
        };
        let delivery = NewDelivery {
            organization: endpoint.organization,
            endpoint: endpoint.id,
            event: event.id,
            due_at: now,
        };
        let id = event.id;
        let entry = self.entry(endpoint.organization, AuditAction::EndpointTested).with_target(endpoint.id);
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
