//! Sends events to an endpoint again.

use std::collections::BTreeSet;
use std::sync::Arc;

use leadgate_domain::{
    AttemptResult, AuditAction, AuditEntry, Eligibility, Endpoint, Event, EventId, EventType, LeadId,
    Timestamp,
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
#[derive(Debug, Clone)]
pub enum ReplaySelection {
    /// Those whose attempts all failed.
    Exhausted,
    /// It must be one that the endpoint wants by its present settings, or that was attempted before.
    One(EventId),
    /// Those that the endpoint wants by its present settings.
    Wanted(ReplayFilter),
}

/// Selects events that an endpoint wants. What is not set selects all.
#[derive(Debug, Clone, Default)]
pub struct ReplayFilter {
    /// Empty for all types.
    pub kinds: BTreeSet<EventType>,
    pub lead: Option<LeadId>,
    /// From this time on, with a precision of a millisecond.
    pub since: Option<Timestamp>,
    /// Before this time, with a precision of a millisecond.
    pub until: Option<Timestamp>,
    /// The result of the last attempt to send the event to the endpoint.
    pub result: Option<AttemptResult>,
}

impl ReplayFilter {
    /// The names of the conditions that are set.
    pub fn names(&self) -> Vec<&'static str> {
        let Self { kinds, lead, since, until, result } = self;
        let conditions = [
            ("events", !kinds.is_empty()),
            ("lead", lead.is_some()),
            ("since", since.is_some()),
            ("until", until.is_some()),
            ("result", result.is_some()),
        ];
        conditions.into_iter().filter_map(|(name, is_set)| is_set.then_some(name)).collect()
    }

    fn selects(&self, event: &Event) -> bool {
        let Self { kinds, lead, since: _, until: _, result: _ } = self;
        (kinds.is_empty() || kinds.contains(&event.kind)) && lead.is_none_or(|lead| event.lead == Some(lead))
    }
}

/// Events or deliveries per transaction.
const REPLAYED_AT_ONCE: u32 = 500;

/// Events after the first id and up to the second one, that are sent to an endpoint again.
struct ReplayRange {
    endpoint: Endpoint,
    /// `None` for all events of the range.
    filter: Option<ReplayFilter>,
    end: EventId,
    dry_run: bool,
}

impl ReplayRange {
    /// A page after an id: the last id that was looked at, and the events to send.
    fn read(
        &self,
        session: &mut StoreConnection,
        after: EventId,
    ) -> Result<(Option<EventId>, Vec<EventId>), TransactionError> {
        let organization = self.endpoint.organization;
        let (mut events, last) = self.candidates(session, after)?;
        match &self.filter {
            Some(filter) => {
                events.retain(|event| filter.selects(event) && is_wanted(&self.endpoint, event));
            }
            None => {
                let ids: Vec<_> = events.iter().map(|event| event.id).collect();
                let attempted =
                    query!(session, deliveries::last_results(organization, self.endpoint.id, &ids))?;
                events.retain(|event| attempted.contains_key(&event.id) || is_wanted(&self.endpoint, event));
            }
        }
        let says_eligible = |event: &Event| {
            event.document.as_ref().is_some_and(|lead| lead.eligibility == Eligibility::Eligible)
        };
        let events = without_outdated(session, organization, events, says_eligible)?;
        let mut ids: Vec<_> = events.into_iter().map(|event| event.id).collect();
        if self.dry_run && !ids.is_empty() {
            let new =
                query!(session, deliveries::before_first_attempt(organization, self.endpoint.id, &ids))?;
            ids.retain(|id| !new.contains(id));
        }
        Ok((last, ids))
    }

    /// A page of the events that have the result of the filter, and the last id that was looked at.
    fn candidates(
        &self,
        session: &mut StoreConnection,
        after: EventId,
    ) -> Result<(Vec<Event>, Option<EventId>), TransactionError> {
        let (organization, endpoint) = (self.endpoint.organization, self.endpoint.id);
        let (range, limit) = ((after, self.end), REPLAYED_AT_ONCE);
        let result = self.filter.as_ref().and_then(|filter| filter.result);
        let with_result = |session: &mut StoreConnection, ids: &mut Vec<EventId>, result: AttemptResult| {
            let last_results = query!(session, deliveries::last_results(organization, endpoint, ids))?;
            ids.retain(|id| last_results.get(id).is_some_and(|last| last == result.as_str()));
            Ok::<_, TransactionError>(())
        };
        match result {
            // An event whose last attempt failed has a delivery.
            Some(result) if result != AttemptResult::Delivered => {
                let (mut ids, last) =
                    query!(session, deliveries::attempted_events(organization, endpoint, range, limit))?;
                with_result(session, &mut ids, result)?;
                let (events, _) = query!(session, events::events_by_id(organization, &ids))?;
                Ok((events, last))
            }
            _ => {
                let lead = self.filter.as_ref().and_then(|filter| filter.lead);
                let (mut events, last) =
                    query!(session, events::events_after(organization, lead, range, limit))?;
                if let Some(result) = result {
                    let mut ids = events.iter().map(|event| event.id).collect();
                    with_result(session, &mut ids, result)?;
                    let ids: BTreeSet<_> = ids.into_iter().collect();
                    events.retain(|event| ids.contains(&event.id));
                }
                Ok((events, last))
            }
        }
    }
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
    /// Sends the selected events to an endpoint again, also those that it has received, and at once those that wait for
    /// another attempt. Left out are events that wait for their first attempt; and, except from exhausted ones, events about
    /// erased leads, and events that say that a lead is eligible that is not eligible now. Returns their number; with
    /// `dry_run` it only counts.
    pub async fn replay(
        &self,
        endpoint: &Endpoint,
        selection: ReplaySelection,
        dry_run: bool,
    ) -> Result<usize, StoreError> {
        let entry =
            self.entry(endpoint.organization, AuditAction::DeliveriesReplayed).with_target(endpoint.id);
        let (after, end, filter, entry) = match selection {
            ReplaySelection::Exhausted if dry_run => {
                let count = self.count_exhausted(endpoint.organization, endpoint.id).await?;
                return Ok(usize::try_from(count).unwrap_or(usize::MAX));
            }
            ReplaySelection::Exhausted => return self.restart_exhausted(endpoint, entry).await,
            ReplaySelection::One(event) => (before(event), event, None, entry.with_detail("event", event)),
            ReplaySelection::Wanted(filter) => {
                // Later ones are new, and sent anyway.
                let now = self.now().await?;
                let end = filter.until.map_or(now, |until| until.min(now));
                let first = filter.since.map_or(Uuid::nil(), first_id_at);
                let entry = entry.with_detail("conditions", filter.names());
                (EventId::from_uuid(first), EventId::from_uuid(first_id_at(end)), Some(filter), entry)
            }
        };
        self.replay_range(after, ReplayRange { endpoint: endpoint.clone(), filter, end, dry_run }, entry)
            .await
    }

    async fn replay_range(
        &self,
        mut after: EventId,
        range: ReplayRange,
        entry: AuditEntry,
    ) -> Result<usize, StoreError> {
        let (organization, endpoint, end) = (range.endpoint.organization, range.endpoint.id, range.end);
        let (range, mut count) = (Arc::new(range), 0);
        loop {
            let reading = Arc::clone(&range);
            let (last, events) = self.read(move |session| reading.read(session, after)).await?;
            count += match range.dry_run || events.is_empty() {
                true => events.len(),
                false => {
                    let entry = entry.clone();
                    let adding = self.write(move |session| {
                        let due_at = session.now()?;
                        let new =
                            |event: &EventId| NewDelivery { organization, endpoint, event: *event, due_at };
                        let new: Vec<_> = events.iter().map(new).collect();
                        let added = query!(session, deliveries::add_or_restart_deliveries(&new))?;
                        if added > 0 {
                            audit::record(session, &[entry.clone().with_detail("count", added)])?;
                        }
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

    async fn restart_exhausted(&self, endpoint: &Endpoint, entry: AuditEntry) -> Result<usize, StoreError> {
        let (organization, endpoint) = (endpoint.organization, endpoint.id);
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
}
