//! What a dispatcher does with the store: it leases endpoints, takes deliveries that are due, and records attempts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use leadgate_domain::sealing_key::SecretVersion;
use leadgate_domain::{
    Attempt, AttemptResult, DeliveryState, Eligibility, Endpoint, EndpointId, EndpointSecrets, EndpointState,
    Event, EventId, EventType, LeadId, OrganizationId, Timestamp,
};

use crate::connection::{StoreConnection, query};
use crate::endpoints::StoredEndpoint;
use crate::error::{StoreError, TransactionError};
use crate::events;
use crate::store::Store;

/// How long a lease lasts unless it is renewed: longer than any attempt.
pub const ENDPOINT_LEASE: Duration = Duration::from_secs(60);

/// A delivery to add.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewDelivery {
    pub(crate) organization: OrganizationId,
    pub(crate) endpoint: EndpointId,
    pub(crate) event: EventId,
    pub(crate) due_at: Timestamp,
}

/// The right to send to an endpoint, which one dispatcher at a time has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndpointLease {
    pub(crate) organization: OrganizationId,
    pub(crate) endpoint: EndpointId,
    number: i64,
}

/// An endpoint that this dispatcher has.
pub struct LeasedEndpoint {
    pub lease: EndpointLease,
    pub endpoint: Endpoint,
    pub secrets: EndpointSecrets,
    /// Whether attempts may start: it is not deleted, disabled or paused.
    pub accepts_attempts: bool,
}

impl LeasedEndpoint {
    /// Whether it wants eligible leads only.
    fn wants_eligible(&self) -> bool {
        self.endpoint.settings.filter.eligibility == Some(Eligibility::Eligible)
    }
}

/// How long an event waits that this build cannot read. A newer one may read it before.
const UNREADABLE_WAITS: Duration = Duration::from_secs(5 * 60);

/// A delivery to attempt now.
#[derive(Debug, Clone, PartialEq)]
pub struct DueDelivery {
    pub event: Event,
    /// Failed attempts so far.
    pub attempts: u32,
}

/// An attempt, and what the receiver asked for.
#[derive(Debug, Clone)]
pub struct FinishedAttempt {
    pub attempt: Attempt,
    /// From the header `Retry-After`.
    pub retry_after: Option<Duration>,
    /// A random number from 0 to 1, which varies the next delay.
    pub random: f64,
}

impl Store {
    /// Leases at most `limit` endpoints that have deliveries to attempt now.
    pub async fn lease_endpoints(&self, limit: u32) -> Result<Vec<LeasedEndpoint>, StoreError> {
        let looked_up = self.read(move |session| {
            let now = session.now()?;
            query!(session, endpoints::endpoints_with_due_deliveries(now, limit))
        });
        let due = looked_up.await?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let leased = self.write(move |session| {
            let now = session.now()?;
            Ok((now, query!(session, endpoints::take_leases(&due, now, now.plus(ENDPOINT_LEASE)))?))
        });
        let (now, leased) = leased.await?;
        let (mut opened, mut has_old_seal) = (Vec::new(), false);
        for stored in leased {
            match self.leased(&stored, now) {
                Ok((leased, version)) => {
                    has_old_seal |= version == SecretVersion::Previous;
                    opened.push(leased);
                }
                // The others are still good. Its lease ends by itself.
                Err(error) => {
                    tracing::error!(endpoint.id = %stored.endpoint.id, "an endpoint cannot be used: {error}");
                }
            }
        }
        if has_old_seal {
            let endpoints = self.reseal_endpoints().await?;
            tracing::info!(endpoints, "the secrets of endpoints are sealed under the current secret");
        }
        Ok(opened)
    }

    fn leased(
        &self,
        stored: &StoredEndpoint,
        now: Timestamp,
    ) -> Result<(LeasedEndpoint, SecretVersion), StoreError> {
        let (secrets, version) = self.open_secrets(stored)?;
        let StoredEndpoint { endpoint, lease_number, .. } = stored.clone();
        let lease = EndpointLease {
            organization: endpoint.organization,
            endpoint: endpoint.id,
            number: lease_number,
        };
        let health = &endpoint.health;
        let accepts_attempts = endpoint.deleted_at.is_none()
            && health.state != EndpointState::Disabled
            && health.paused_until.is_none_or(|until| until <= now);
        Ok((LeasedEndpoint { lease, endpoint, secrets, accepts_attempts }, version))
    }

    /// At most `limit` deliveries of an endpoint to attempt now, first attempts first. `in_flight` are left out.
    ///
    /// Withdrawn are events that an erasure emptied. So is `lead.eligible`, and for an endpoint that wants eligible leads
    /// only every event, if the lead is not eligible now. There may be fewer deliveries than are due because others were
    /// withdrawn: `None` only if nothing is due.
    pub async fn due_deliveries(
        &self,
        leased: &LeasedEndpoint,
        in_flight: Vec<EventId>,
        limit: u32,
    ) -> Result<Option<Vec<DueDelivery>>, StoreError> {
        let (lease, wants_eligible) = (leased.lease, leased.wants_eligible());
        let reading = self.read(move |session| read_due(session, lease, wants_eligible, &in_flight, limit));
        let DueRead { now, due, to_withdraw, unreadable } = reading.await?;
        if due.is_empty() && to_withdraw.is_empty() && unreadable.is_empty() {
            return Ok(None);
        }
        if !to_withdraw.is_empty() || !unreadable.is_empty() {
            let setting_aside = move |session: &mut StoreConnection| {
                if !to_withdraw.is_empty() {
                    let state = DeliveryState::Withdrawn;
                    query!(session, deliveries::end_deliveries(lease, &to_withdraw, state))?;
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

    /// Records finished attempts, and renews the lease. Returns the endpoint as it is now, or `None` if another
    /// dispatcher has it: then nothing was recorded. `is_repeated`: an earlier call failed and may have had its effect.
    pub async fn record_attempts(
        &self,
        lease: EndpointLease,
        finished: Vec<FinishedAttempt>,
        is_repeated: bool,
    ) -> Result<Option<LeasedEndpoint>, StoreError> {
        let recording = self.write(move |session| {
            let now = session.now()?;
            Ok((now, record(session, lease, finished.clone(), is_repeated, now)?))
        });
        let (now, recorded) = recording.await?;
        let Some(stored) = recorded else { return Ok(None) };
        match self.leased(&stored, now) {
            Ok((leased, _)) => Ok(Some(leased)),
            Err(error) => {
                tracing::error!(endpoint.id = %stored.endpoint.id, "an endpoint cannot be used: {error}");
                Ok(None)
            }
        }
    }

    /// Ends a lease after a time. Then another dispatcher may take the endpoint.
    pub async fn end_endpoint_lease(&self, lease: EndpointLease, after: Duration) -> Result<(), StoreError> {
        self.write(move |session| {
            let end = session.now()?.minus(Duration::from_micros(1)).plus(after);
            query!(session, endpoints::set_lease_end(lease.endpoint, lease.number, end)).map(drop)
        })
        .await
    }
}

/// What is due at an endpoint.
struct DueRead {
    now: Timestamp,
    due: Vec<DueDelivery>,
    to_withdraw: Vec<EventId>,
    /// Events that this build cannot read.
    unreadable: Vec<EventId>,
}

fn read_due(
    session: &mut StoreConnection,
    lease: EndpointLease,
    wants_eligible: bool,
    in_flight: &[EventId],
    limit: u32,
) -> Result<DueRead, TransactionError> {
    let now = session.now()?;
    let mut due = query!(session, deliveries::new_deliveries(lease, in_flight, now, limit))?;
    let left = limit.saturating_sub(u32::try_from(due.len()).unwrap_or(u32::MAX));
    if left > 0 {
        due.extend(query!(session, deliveries::due_retries(lease, in_flight, now, left))?);
    }
    let mut read = DueRead { now, due: Vec::new(), to_withdraw: Vec::new(), unreadable: Vec::new() };
    if due.is_empty() {
        return Ok(read);
    }
    let ids: Vec<_> = due.iter().map(|(event, _)| *event).collect();
    let (events, unreadable) = query!(session, events::events_by_id(lease.organization, &ids))?;
    read.unreadable = unreadable;
    let says_eligible = |event: &Event| wants_eligible || event.kind == EventType::LeadEligible;
    let announced = events.iter().filter(|event| says_eligible(event)).filter_map(|event| event.lead);
    let eligible = eligible_leads(session, lease.organization, announced.collect(), now)?;
    let is_true = |event: &Event| match (event.lead, event.kind) {
        (Some(_), EventType::LeadErased) | (None, _) => true,
        // It was emptied by an erasure.
        (Some(_), _) if event.document.is_none() => false,
        (Some(id), _) => !says_eligible(event) || eligible.contains(&id),
    };
    let mut kept: BTreeMap<_, _> =
        events.into_iter().filter(is_true).map(|event| (event.id, event)).collect();
    for (id, attempts) in due {
        match kept.remove(&id) {
            Some(event) => read.due.push(DueDelivery { event, attempts }),
            None if read.unreadable.contains(&id) => {}
            None => read.to_withdraw.push(id),
        }
    }
    Ok(read)
}

/// Those of these leads that may be called now.
pub(crate) fn eligible_leads(
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

fn record(
    session: &mut StoreConnection,
    lease: EndpointLease,
    finished: Vec<FinishedAttempt>,
    is_repeated: bool,
    now: Timestamp,
) -> Result<Option<StoredEndpoint>, TransactionError> {
    let renewed =
        query!(session, endpoints::set_lease_end(lease.endpoint, lease.number, now.plus(ENDPOINT_LEASE)))?;
    let Some(mut stored) = renewed else { return Ok(None) };
    let Some(first) = finished.first() else { return Ok(Some(stored)) };
    if is_repeated && query!(session, deliveries::has_attempt(lease.organization, first.attempt.id))? {
        return Ok(Some(stored));
    }
    let (mut delivered, mut failed, mut exhausted, mut busy) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut health = stored.endpoint.health.clone();
    for FinishedAttempt { attempt, retry_after, random } in &finished {
        health = health.after(attempt.result, *retry_after, now);
        match attempt.result {
            AttemptResult::Delivered => delivered.push(attempt.event),
            // A receiver that asks for time has not refused the event.
            AttemptResult::Busy => busy.push(attempt.event),
            _ => match stored.endpoint.settings.retry.delay_after(attempt.number, *random) {
                Some(delay) => failed.push((attempt.event, now.plus(delay))),
                None => exhausted.push(attempt.event),
            },
        }
    }
    if !delivered.is_empty() {
        query!(session, deliveries::delete_deliveries(lease, &delivered))?;
    }
    if !failed.is_empty() {
        query!(session, deliveries::reschedule_deliveries(lease, &failed))?;
    }
    if let Some(until) = health.paused_until.filter(|_| !busy.is_empty()) {
        query!(session, deliveries::postpone_deliveries(lease, &busy, until))?;
    }
    if !exhausted.is_empty() {
        query!(session, deliveries::end_deliveries(lease, &exhausted, DeliveryState::Exhausted))?;
    }
    let attempts = without_erased_responses(session, lease, finished)?;
    let mode = session.insert_mode;
    query!(session, deliveries::insert_attempts(mode, &attempts))?;
    if health != stored.endpoint.health {
        query!(session, endpoints::set_health(lease.endpoint, &health))?;
        if health.state == EndpointState::Disabled {
            events::endpoint_disabled(session, lease.organization, lease.endpoint)?;
        }
        stored.endpoint.health = health;
    }
    Ok(Some(stored))
}

/// A response may repeat what was sent. It is not stored if the lead was erased meanwhile.
fn without_erased_responses(
    session: &mut StoreConnection,
    lease: EndpointLease,
    finished: Vec<FinishedAttempt>,
) -> Result<Vec<Attempt>, TransactionError> {
    let mut attempts: Vec<_> = finished.into_iter().map(|finished| finished.attempt).collect();
    let with_response: Vec<_> =
        attempts.iter().filter(|attempt| attempt.response.is_some()).map(|attempt| attempt.event).collect();
    if with_response.is_empty() {
        return Ok(attempts);
    }
    let (events, _) = query!(session, events::events_by_id(lease.organization, &with_response))?;
    let whole: BTreeSet<_> = events
        .iter()
        .filter(|event| event.lead.is_none() || event.document.is_some())
        .map(|event| event.id)
        .collect();
    for attempt in &mut attempts {
        attempt.response = attempt.response.take().filter(|_| whole.contains(&attempt.event));
    }
    Ok(attempts)
}
