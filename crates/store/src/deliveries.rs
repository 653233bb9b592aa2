//! Deliveries and attempts, for operators.

use std::fmt;
use std::str::FromStr;

use leadgate_domain::{
    AttemptId, AuditAction, DeliveryCounts, DeliveryState, Endpoint, EndpointId, Event, EventDetail, EventId,
    EventType, OrganizationId, Timestamp,
};
use serde::Serialize;
use uuid::Uuid;

use crate::audit;
use crate::connection::query;
use crate::dispatch::NewDelivery;
use crate::error::StoreError;
use crate::page::Page;
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

    /// Attempts exhausted deliveries of an endpoint again, all or that of one event. Returns their number.
    pub async fn restart_deliveries(
        &self,
        organization: OrganizationId,
        endpoint: EndpointId,
        event: Option<EventId>,
    ) -> Result<usize, StoreError> {
        let entry = self.entry(organization, AuditAction::DeliveriesReplayed).with_target(endpoint);
        self.write(move |session| {
            let now = session.now()?;
            let restarted =
                query!(session, deliveries::restart_deliveries(organization, endpoint, event, now))?;
            if restarted > 0 {
                audit::record(session, &[entry.clone().with_detail("count", restarted)])?;
            }
            Ok(restarted)
        })
        .await
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
