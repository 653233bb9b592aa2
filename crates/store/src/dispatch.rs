//! What a dispatcher does with the store: it leases endpoints, takes deliveries that are due, and records attempts.

use std::collections::BTreeSet;
use std::time::Duration;

use leadgate_domain::sealing_key::SecretVersion;
use leadgate_domain::{
    Attempt, AttemptResult, Eligibility, Endpoint, EndpointId, EndpointSecrets, EndpointState, EventId,
    OrganizationId, Timestamp,
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

/// A delivery whose attempt failed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FailedDelivery {
    pub(crate) event: EventId,
    /// Failed attempts, with this one.
    pub(crate) attempts: u32,
    /// `None` if no attempt is left.
    pub(crate) next_attempt_at: Option<Timestamp>,
}

/// The right to send to an endpoint, which one dispatcher at a time has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndpointLease {
    pub(crate) organization: OrganizationId,
    pub(crate) endpoint: EndpointId,
    number: i64,
}

#[cfg(test)]
impl EndpointLease {
    /// For a look at the plans of queries.
    pub(crate) fn for_test(organization: OrganizationId, endpoint: EndpointId) -> Self {
        Self { organization, endpoint, number: 1 }
    }
}

/// An endpoint that this dispatcher has leased.
pub struct LeasedEndpoint {
    pub lease: EndpointLease,
    pub endpoint: Endpoint,
    pub secrets: EndpointSecrets,
    /// Whether attempts may start: it is not deleted, disabled or paused.
    pub accepts_attempts: bool,
}

impl LeasedEndpoint {
    /// Whether it wants eligible leads only.
    pub(crate) fn wants_eligible(&self) -> bool {
        self.endpoint.settings.filter.eligibility == Some(Eligibility::Eligible)
    }
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

    /// For how long the oldest due delivery waits. Endpoints that are disabled or paused do not count.
    pub async fn oldest_due_delivery_age(&self) -> Result<Duration, StoreError> {
        self.read(|session| {
            let now = session.now()?;
            let oldest = query!(session, endpoints::oldest_due_delivery(now))?;
            Ok(oldest.map_or(Duration::ZERO, |due_at| now.since(due_at)))
        })
        .await
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

    /// Ends the leases of all dispatchers, for a program that knows that it is the only one: after a crash it would wait for
    /// its own leases.
    pub async fn end_all_endpoint_leases(&self) -> Result<(), StoreError> {
        self.write(|session| {
            let now = session.now()?;
            query!(session, endpoints::end_leases(now)).map(drop)
        })
        .await
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
    let (mut delivered, mut failed) = (Vec::new(), Vec::new());
    let mut health = stored.endpoint.health.clone();
    for FinishedAttempt { attempt, retry_after, random } in &finished {
        health = health.after(attempt.result, *retry_after, now);
        match attempt.result {
            AttemptResult::Delivered => delivered.push(attempt.event),
            // A receiver that asks for time has not refused the event. The endpoint is paused, and the delivery stays due.
            AttemptResult::Busy => {}
            _ => {
                let delay = stored.endpoint.settings.retry.delay_after(attempt.number, *random);
                failed.push(FailedDelivery {
                    event: attempt.event,
                    attempts: attempt.number,
                    next_attempt_at: delay.map(|delay| now.plus(delay)),
                });
            }
        }
    }
    if !delivered.is_empty() {
        query!(session, deliveries::delete_deliveries(lease, &delivered))?;
    }
    if !failed.is_empty() {
        query!(session, deliveries::fail_deliveries(lease, &failed))?;
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
    let whole: BTreeSet<_> =
        events.iter().filter(|event| !event.is_emptied()).map(|event| event.id).collect();
    for attempt in &mut attempts {
        attempt.response = attempt.response.take().filter(|_| whole.contains(&attempt.event));
    }
    Ok(attempts)
}
