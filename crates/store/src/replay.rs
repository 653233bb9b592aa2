//! Sends events to an endpoint again.

use std::sync::Arc;

use leadgate_domain::{
    AttemptResult, AuditAction, Eligibility, Endpoint, EndpointId, Event, EventId, EventType, LeadId,
    OrganizationId, Timestamp,
};
use uuid::Uuid;

use crate::audit;
use crate::connection::{StoreConnection, query};
use crate::deliveries::before;
use crate::dispatch::NewDelivery;
use crate::due_deliveries::without_outdated;
use crate::error::{StoreError, TransactionError};
use crate::retention::first_id_at;
use crate::store::Store;

/// Which events are sent again.
#[derive(Debug, Clone, Copy)]
pub enum ReplaySelection {
    One(EventId),
    /// Those that the endpoint wants by its present settings.
    Wanted(ReplayFilter),
}

/// Selects events that an endpoint wants. What is not set selects all.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReplayFilter {
    pub lead: Option<LeadId>,
    /// From this time on, with a precision of a millisecond.
    pub since: Option<Timestamp>,
    /// Before this time, with a precision of a millisecond.
    pub until: Option<Timestamp>,
    /// The result of the last attempt to send the event to the endpoint.
    pub result: Option<AttemptResult>,
}

/// Events or deliveries per transaction.
const REPLAYED_AT_ONCE: u32 = 500;

/// A page of the events after one id and up to another: the last id that was looked at, and the events to send.
fn read_replayed(
    session: &mut StoreConnection,
    endpoint: &Endpoint,
    selection: ReplaySelection,
    (after, end): (EventId, EventId),
) -> Result<(Option<EventId>, Vec<EventId>), TransactionError> {
    let organization = endpoint.organization;
    let filter = match selection {
        ReplaySelection::One(_) => None,
        ReplaySelection::Wanted(filter) => Some(filter),
    };
    let lead = filter.and_then(|filter| filter.lead);
    let (mut events, last) =
        query!(session, events::events_after(organization, lead, (after, end), REPLAYED_AT_ONCE))?;
    if filter.is_some() {
        events.retain(|event| is_wanted(endpoint, event));
    }
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    let new = query!(session, deliveries::new_among(organization, endpoint.id, &ids))?;
    events.retain(|event| !new.contains(&event.id));
    if let Some(result) = filter.and_then(|filter| filter.result) {
        let last_results = query!(session, deliveries::last_results(organization, endpoint.id, &ids))?;
        events.retain(|event| last_results.get(&event.id).is_some_and(|last| last == result.as_str()));
    }
    let says_eligible =
        |event: &Event| event.document.as_ref().is_some_and(|lead| lead.eligibility == Eligibility::Eligible);
    let events = without_outdated(session, organization, events, says_eligible)?;
    Ok((last, events.into_iter().map(|event| event.id).collect()))
}

fn is_wanted(endpoint: &Endpoint, event: &Event) -> bool {
    let lead = event.document.as_ref();
    let source = lead.map(|lead| lead.source).or(event.detail.source);
    // Tests were for one endpoint, and it knows itself that it was disabled.
    event.kind != EventType::Test
        && event.detail.endpoint != Some(endpoint.id)
        && endpoint.settings.wants(event.kind, source, lead)
}

impl Store {
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

    /// Sends the selected events to an endpoint again, also those that it has received, and at once those that wait for
    /// another attempt. Left out are events that wait for their first attempt, events about erased leads, and events that
    /// say that a lead is eligible that is not eligible now. Returns their number; with `dry_run` it only counts.
    pub async fn replay_events(
        &self,
        endpoint: &Endpoint,
        selection: ReplaySelection,
        dry_run: bool,
    ) -> Result<usize, StoreError> {
        let (mut after, end) = match selection {
            ReplaySelection::One(event) => (before(event), event),
            ReplaySelection::Wanted(filter) => {
                // Later ones are new, and sent anyway.
                let now = self.now().await?;
                let end = filter.until.map_or(now, |until| until.min(now));
                let first = filter.since.map_or(Uuid::nil(), first_id_at);
                (EventId::from_uuid(first), EventId::from_uuid(first_id_at(end)))
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
}
