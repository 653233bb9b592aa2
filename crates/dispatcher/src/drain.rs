//! Sends the deliveries of one endpoint, until none is due, its turn is over, or the lease is lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use leadgate_domain::{Attempt, AttemptId, AttemptResult, EndpointState, EventId, Timestamp};
use leadgate_store::{DuePosition, ENDPOINT_LEASE, FinishedAttempt, LeasedEndpoint, Store, StoreError};
use tokio::sync::Semaphore;
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::attempt_pace::AttemptPace;
use crate::client::WebhookClient;

/// How often the store is asked for further deliveries while attempts run.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// After this time no further attempts start, so that other endpoints have their turn.
const TURN: Duration = Duration::from_secs(30);

/// A lease is renewed at least this often.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(20);

/// A drain ends if its rate makes it wait for longer than this.
const MAX_RATE_WAIT: Duration = Duration::from_secs(1);

/// The pause after the store failed.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// What a drain shares with others of its dispatcher.
#[derive(Clone)]
pub(crate) struct DrainContext {
    pub(crate) store: Store,
    pub(crate) client: WebhookClient,
    /// One permit for each attempt that runs.
    pub(crate) connections: Arc<Semaphore>,
    /// The same for the attempts of its organization.
    pub(crate) organization_connections: Arc<Semaphore>,
    pub(crate) stop: CancellationToken,
}

/// Why no more attempts were started.
enum StartResult {
    /// Nothing is due, or no attempt may start.
    Done,
    /// The window or the rate allows no more, or not all deliveries were looked at.
    MayHaveMore,
    /// All connections are in use.
    NoConnection,
}

/// The deliveries of one endpoint.
pub(crate) struct Drain {
    context: DrainContext,
    leased: Arc<LeasedEndpoint>,
    /// When another dispatcher may take the endpoint, by this program's clock.
    lease_end: Instant,
    turn_end: Instant,
    attempts: JoinSet<FinishedAttempt>,
    /// The events of running attempts, and how many attempts failed before.
    in_flight: BTreeMap<Id, (EventId, u32)>,
    /// How many attempts may run at once now. It grows with successes.
    window: usize,
    pace: AttemptPace,
    position: DuePosition,
}

impl Drain {
    /// `leased_at` is a time before the lease was taken.
    pub(crate) fn new(context: DrainContext, leased: LeasedEndpoint, leased_at: Instant) -> Self {
        let pace = AttemptPace::new(leased.endpoint.settings.rate, leased_at);
        Self {
            context,
            leased: Arc::new(leased),
            lease_end: leased_at + ENDPOINT_LEASE,
            turn_end: leased_at + TURN,
            attempts: JoinSet::new(),
            in_flight: BTreeMap::new(),
            window: 1,
            pace,
            position: DuePosition::default(),
        }
    }

    /// Runs until no delivery is due. Results of attempts that cannot be recorded before the lease ends are lost:
    /// these deliveries are attempted again.
    pub(crate) async fn run(mut self) {
        let mut after = Duration::ZERO;
        loop {
            let started = match self.start_due().await {
                Ok(started) => started,
                Err(error) => {
                    tracing::debug!("deliveries cannot be read: {error}");
                    StartResult::Done
                }
            };
            if self.attempts.is_empty() {
                let wait = self.pace.wait(Instant::now());
                match started {
                    StartResult::MayHaveMore if wait.is_zero() => continue,
                    StartResult::MayHaveMore if wait <= MAX_RATE_WAIT => {
                        sleep(wait).await;
                        continue;
                    }
                    StartResult::NoConnection => after = POLL_INTERVAL,
                    StartResult::MayHaveMore | StartResult::Done => {}
                }
                break;
            }
            let finished = self.wait().await;
            let is_renewal_due = self.lease_end < Instant::now() + (ENDPOINT_LEASE - RENEWAL_INTERVAL);
            if (!finished.is_empty() || is_renewal_due) && !self.record(finished).await {
                // Another dispatcher has the endpoint: what still runs is not recorded.
                return;
            }
        }
        // The next dispatcher does not know what was sent before: it gets the endpoint when the rate allows an attempt.
        let after = after.max(self.pace.wait(Instant::now()));
        self.end_lease(after).await;
    }

    /// Ends the lease after a time. While the store fails it is tried again, until the lease ends by itself.
    async fn end_lease(&self, after: Duration) {
        let (store, lease) = (&self.context.store, self.leased.lease);
        let ending = async {
            while let Err(error) = store.end_endpoint_lease(lease, after).await {
                tracing::debug!("a lease cannot be ended, retrying: {error}");
                sleep(RETRY_PAUSE).await;
            }
        };
        _ = timeout_at(self.lease_end, ending).await;
    }

    /// Whether further attempts may start.
    fn may_start(&self) -> bool {
        !self.context.stop.is_cancelled() && self.leased.accepts_attempts && Instant::now() < self.turn_end
    }

    /// Starts as many attempts as the limits allow.
    async fn start_due(&mut self) -> Result<StartResult, StoreError> {
        if !self.may_start() {
            return Ok(StartResult::Done);
        }
        let DrainContext { connections, organization_connections: own, .. } = &self.context;
        let room = self.window.saturating_sub(self.attempts.len()).min(self.pace.available(Instant::now()));
        if room == 0 {
            return Ok(StartResult::MayHaveMore);
        }
        let free = connections.available_permits().min(own.available_permits()).min(room);
        let limit = u32::try_from(free).unwrap_or(u32::MAX);
        let permits = (
            Arc::clone(connections).try_acquire_many_owned(limit),
            Arc::clone(own).try_acquire_many_owned(limit),
        );
        let (Ok(mut permits), Ok(mut own_permits)) = permits else { return Ok(StartResult::NoConnection) };
        if limit == 0 {
            return Ok(StartResult::NoConnection);
        }
        let in_flight = self.in_flight.values().map(|(event, _)| *event).collect();
        let position = &mut self.position;
        let due = self.context.store.due_deliveries(&self.leased, in_flight, limit, position).await?;
        let Some(due) = due else { return Ok(StartResult::Done) };
        self.pace.spend(due.len(), Instant::now());
        for due in due {
            let (client, leased) = (self.context.client.clone(), Arc::clone(&self.leased));
            let started = (due.event.id, due.attempts);
            let permit = (permits.split(1), own_permits.split(1));
            let attempt = async move {
                let finished = client.attempt(&leased, &due).await;
                drop(permit);
                finished
            };
            let id = self.attempts.spawn(attempt).id();
            self.in_flight.insert(id, started);
        }
        Ok(StartResult::MayHaveMore)
    }

    /// Waits for finished attempts. Returns none if it is time to look for further deliveries or to renew the lease.
    async fn wait(&mut self) -> Vec<FinishedAttempt> {
        let pause = if self.attempts.len() < self.window { POLL_INTERVAL } else { RENEWAL_INTERVAL };
        let mut finished = Vec::new();
        let mut next = tokio::select! {
            first = self.attempts.join_next_with_id() => first,
            () = sleep(pause) => None,
        };
        while let Some(ended) = next {
            match ended {
                Ok((id, attempt)) => {
                    self.in_flight.remove(&id);
                    finished.push(attempt);
                }
                Err(error) => {
                    tracing::error!(endpoint.id = %self.leased.endpoint.id, "an attempt crashed");
                    let crashed = self.in_flight.remove(&error.id());
                    finished.extend(crashed.map(|(event, attempts)| self.crashed(event, attempts)));
                }
            }
            next = self.attempts.try_join_next_with_id();
        }
        finished
    }

    /// Records attempts. Returns whether this dispatcher still has the endpoint.
    async fn record(&mut self, finished: Vec<FinishedAttempt>) -> bool {
        let is_of_endpoint = |result| result != AttemptResult::TemplateFailed;
        let mut results =
            finished.iter().map(|finished| finished.attempt.result).filter(|one| is_of_endpoint(*one));
        let answered = results.clone().next().is_some();
        let failed = results.any(|result| result != AttemptResult::Delivered);
        let mut is_repeated = false;
        loop {
            let (before, store) = (Instant::now(), &self.context.store);
            let recording = store.record_attempts(self.leased.lease, finished.clone(), is_repeated);
            match timeout_at(self.lease_end, recording).await {
                Ok(Ok(Some(leased))) => {
                    self.lease_end = before + ENDPOINT_LEASE;
                    self.adapt(leased, answered, failed);
                    return true;
                }
                Ok(Ok(None)) | Err(_) => {
                    tracing::warn!(endpoint.id = %self.leased.endpoint.id, "the lease of an endpoint was lost");
                    return false;
                }
                Ok(Err(error)) => {
                    if !std::mem::replace(&mut is_repeated, true) {
                        tracing::warn!("attempts cannot be recorded, retrying: {error}");
                    }
                    sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    /// `answered`: there were attempts whose results say something about the endpoint.
    fn adapt(&mut self, leased: LeasedEndpoint, answered: bool, failed: bool) {
        let (before, after) = (self.leased.endpoint.health.state, leased.endpoint.health.state);
        if before != after {
            tracing::info!(endpoint.id = %leased.endpoint.id, state = after.as_str(), "the state of an endpoint changed");
        }
        let most = usize::from(leased.endpoint.settings.concurrency);
        self.window = match after {
            EndpointState::Healthy if !answered => self.window,
            EndpointState::Healthy if failed => self.window / 2,
            EndpointState::Healthy => self.window.saturating_mul(2),
            _ => 1,
        };
        self.window = self.window.clamp(1, most);
        self.pace.set_rate(leased.endpoint.settings.rate);
        self.leased = Arc::new(leased);
    }

    /// The record of an attempt that did not finish.
    fn crashed(&self, event: EventId, attempts: u32) -> FinishedAttempt {
        let attempt = Attempt {
            id: AttemptId::generate(),
            organization: self.leased.endpoint.organization,
            endpoint: self.leased.endpoint.id,
            event,
            number: attempts.saturating_add(1),
            at: Timestamp::now(),
            duration: Duration::ZERO,
            result: AttemptResult::NotSent,
            status: None,
            response: None,
        };
        FinishedAttempt { attempt, retry_after: None, random: rand::random() }
    }
}
