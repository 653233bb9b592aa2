//! The deliveries of an endpoint that are due, with their events.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use leadgate_domain::{Event, EventId, EventSource, EventType, LeadId, OrganizationId, SourceId, Timestamp};

use crate::connection::{StoreConnection, query};
use crate::dispatch::{EndpointLease, LeasedEndpoint};
use crate::error::{StoreError, TransactionError};
use crate::store::Store;

/// How long an event waits that this build cannot read. A newer one may read it before.
const UNREADABLE_WAITS: Duration = Duration::from_secs(5 * 60);

/// How far a dispatcher has come in the new deliveries of an endpoint: when the last one became due.
#[derive(Debug, Clone, Copy)]
pub struct DuePosition(Timestamp);

impl Default for DuePosition {
    fn default() -> Self {
        Self(Timestamp::from_microseconds(0))
    }
}

/// A delivery to attempt now.
#[derive(Debug, Clone, PartialEq)]
pub struct DueDelivery {
    pub event: Event,
    /// The source of its lead.
    pub source: Option<EventSource>,
    /// Failed attempts so far.
    pub attempts: u32,
}

impl Store {
    /// At most `limit` deliveries of an endpoint to attempt now, first attempts first. `in_flight` are left out. `position`
    /// is where the last call ended: what became due before is looked at only if there is not enough after it, because
    /// an index keeps the entries of deleted rows for a while. A new turn begins at the start, so nothing waits for longer
    /// than a turn.
    ///
    /// Withdrawn are events that an erasure emptied. So is `lead.eligible`, and for an endpoint that wants eligible leads
    /// only every event, if the lead is not eligible now. There may be fewer deliveries than are due because others were
    /// withdrawn: `None` only if nothing is due.
    pub async fn due_deliveries(
        &self,
        leased: &LeasedEndpoint,
        in_flight: Vec<EventId>,
        limit: u32,
        position: &mut DuePosition,
    ) -> Result<Option<Vec<DueDelivery>>, StoreError> {
        let (lease, wants_eligible, from) = (leased.lease, leased.wants_eligible(), position.0);
        let reading =
            self.read(move |session| read_due(session, lease, wants_eligible, from, &in_flight, limit));
        let DueRead { now, position: reached, due, to_withdraw, unreadable } = reading.await?;
        position.0 = reached;
        if due.is_empty() && to_withdraw.is_empty() && unreadable.is_empty() {
            return Ok(None);
        }
        if !to_withdraw.is_empty() || !unreadable.is_empty() {
            let setting_aside = move |session: &mut StoreConnection| {
                if !to_withdraw.is_empty() {
                    query!(session, deliveries::withdraw_from_endpoint(lease, &to_withdraw))?;
                }
                if !unreadable.is_empty() {
                    let until = now.plus(UNREADABLE_WAITS);
                    query!(session, deliveries::postpone_deliveries(lease, &unreadable, until))?;
                }
                Ok(())
            };
            self.write(setting_aside).await?;
        }
        Ok(Some(due))
    }
}

/// What is due at an endpoint.
struct DueRead {
    now: Timestamp,
    /// When the last of these deliveries became due.
    position: Timestamp,
    due: Vec<DueDelivery>,
    to_withdraw: Vec<EventId>,
    /// Events that this build cannot read.
    unreadable: Vec<EventId>,
}

fn read_due(
    session: &mut StoreConnection,
    lease: EndpointLease,
    wants_eligible: bool,
    from: Timestamp,
    in_flight: &[EventId],
    limit: u32,
) -> Result<DueRead, TransactionError> {
    let now = session.now()?;
    let missing = |found: usize| limit.saturating_sub(u32::try_from(found).unwrap_or(u32::MAX));
    let mut new = query!(session, deliveries::new_deliveries(lease, in_flight, (from, now), limit))?;
    let start = DuePosition::default().0;
    if missing(new.len()) > 0 && from > start {
        new = query!(session, deliveries::new_deliveries(lease, in_flight, (start, now), limit))?;
    }
    let position = new.last().map_or(from, |(_, due_at)| *due_at);
    let mut due: Vec<_> = new.into_iter().map(|(event, _)| (event, 0)).collect();
    let left = missing(due.len());
    if left > 0 {
        due.extend(query!(session, deliveries::due_retries(lease, in_flight, now, left))?);
    }
    let mut read =
        DueRead { now, position, due: Vec::new(), to_withdraw: Vec::new(), unreadable: Vec::new() };
    if due.is_empty() {
        return Ok(read);
    }
    let ids: Vec<_> = due.iter().map(|(event, _)| *event).collect();
    let (events, unreadable) = query!(session, events::events_by_id(lease.organization, &ids))?;
    read.unreadable = unreadable;
    let must_be_eligible = |event: &Event| wants_eligible || event.kind == EventType::LeadEligible;
    let events = without_outdated(session, lease.organization, events, must_be_eligible)?;
    let sources = sources_of(session, &events)?;
    let mut kept: BTreeMap<_, _> = events.into_iter().map(|event| (event.id, event)).collect();
    for (id, attempts) in due {
        match kept.remove(&id) {
            Some(event) => {
                let source = event.document.as_ref().and_then(|lead| sources.get(&lead.source)).cloned();
                read.due.push(DueDelivery { event, source, attempts });
            }
            None if read.unreadable.contains(&id) => {}
            None => read.to_withdraw.push(id),
        }
    }
    Ok(read)
}

/// The sources of the leads of these events.
fn sources_of(
    session: &mut StoreConnection,
    events: &[Event],
) -> Result<BTreeMap<SourceId, EventSource>, TransactionError> {
    let ids: BTreeSet<_> = events.iter().filter_map(|event| Some(event.document.as_ref()?.source)).collect();
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ids: Vec<_> = ids.into_iter().collect();
    let sources = query!(session, sources::sources_by_id(&ids))?;
    Ok(sources.iter().map(|source| (source.id, source.into())).collect())
}

/// The events without those that an erasure emptied, and without those about a lead that is not eligible now though
/// it must be.
pub(crate) fn without_outdated(
    session: &mut StoreConnection,
    organization: OrganizationId,
    mut events: Vec<Event>,
    must_be_eligible: impl Fn(&Event) -> bool,
) -> Result<Vec<Event>, TransactionError> {
    // The event of a deletion says that nothing is to be done with the lead.
    let must_be = |event: &Event| event.kind != EventType::LeadErased && must_be_eligible(event);
    events.retain(|event| !event.is_emptied());
    let leads = events.iter().filter(|event| must_be(event)).filter_map(|event| event.lead).collect();
    let now = session.now()?;
    let eligible = eligible_leads(session, organization, leads, now)?;
    events.retain(|event| event.lead.is_none_or(|lead| !must_be(event) || eligible.contains(&lead)));
    Ok(events)
}

/// Those of these leads that may be called now.
fn eligible_leads(
    session: &mut StoreConnection,
    organization: OrganizationId,
    ids: BTreeSet<LeadId>,
    now: Timestamp,
) -> Result<BTreeSet<LeadId>, TransactionError> {
    if ids.is_empty() {
        return Ok(BTreeSet::new());
    }
    let ids: Vec<_> = ids.into_iter().collect();
    let leads = query!(session, leads::read_leads_by_id(organization, &ids))?;
    let eligible = leads.into_iter().filter(|lead| lead.is_eligible_at(now));
    Ok(eligible.map(|lead| lead.id).collect())
}
