//! Periodic work that one of all workers does at a time.
//!
//! Each sweep is a task with its own lease and deadline, so no sweep waits for another.

use std::sync::Arc;
use std::time::{Duration, Instant};

use leadgate_domain::Judge;
use leadgate_store::{RETENTION_SWEEP, Store, StoreError};
use tokio_util::sync::CancellationToken;

/// How often a worker tries to get the lease of a sweep.
const LEASE_ATTEMPT_INTERVAL: Duration = Duration::from_secs(5);

/// How much longer than the time limit of a run its lease lasts. If a run exceeds its lease, another worker
/// may run at the same time, which is safe.
const LEASE_MARGIN: Duration = Duration::from_secs(5);

/// A sweep: its name and times.
pub(crate) struct PeriodicSweep {
    name: &'static str,
    /// Time limit of a run. If work is left, the next run starts at once.
    run_limit: Duration,
    /// Pause after a run that left no work.
    pause: Duration,
}

pub(crate) const SUPPRESSIONS: PeriodicSweep =
    PeriodicSweep { name: "suppressions", run_limit: Duration::from_secs(10), pause: Duration::from_secs(5) };
pub(crate) const RETENTION: PeriodicSweep = PeriodicSweep {
    name: RETENTION_SWEEP,
    run_limit: Duration::from_secs(4 * 60),
    pause: Duration::from_secs(5 * 60),
};
pub(crate) const IDEMPOTENCY_KEYS: PeriodicSweep = PeriodicSweep {
    name: "idempotency_keys",
    run_limit: Duration::from_secs(60),
    pause: Duration::from_secs(10 * 60),
};

impl PeriodicSweep {
    /// Runs `work` periodically until the worker stops, while no other worker has the lease. `work` gets its
    /// deadline and returns whether work is left. After an error, the next run starts after the pause.
    pub(crate) async fn run_periodically<W: Future<Output = Result<bool, StoreError>>>(
        self,
        store: Store,
        stop: CancellationToken,
        work: impl Fn(Store, Instant) -> W,
    ) {
        let mut ticks = tokio::time::interval(LEASE_ATTEMPT_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut failing = false;
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            match self.run_if_leased(&store, &work).await {
                Ok(false) => {}
                Ok(true) if std::mem::take(&mut failing) => {
                    tracing::info!(sweep = self.name, "sweep succeeds again")
                }
                Ok(true) => {}
                Err(error) => {
                    metrics::counter!("leadgate_worker_sweeps_failed_total", "sweep" => self.name)
                        .increment(1);
                    // Logged once until it succeeds again, because it is retried every few seconds.
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(sweep = self.name, %error, "sweep failed");
                    }
                }
            }
        }
    }

    /// Returns whether this worker got the lease and ran the sweep.
    async fn run_if_leased<W: Future<Output = Result<bool, StoreError>>>(
        &self,
        store: &Store,
        work: impl Fn(Store, Instant) -> W,
    ) -> Result<bool, StoreError> {
        let Some(lease) = store.lease(self.name, self.run_limit + LEASE_MARGIN).await? else {
            return Ok(false);
        };
        let result = work(store.clone(), Instant::now() + self.run_limit).await;
        let pause = if matches!(result, Ok(true)) { Duration::ZERO } else { self.pause };
        store.end_lease(lease, pause).await?;
        result.map(|_| true)
    }
}

/// Re-screens stored leads after suppression entries expired, and continues interrupted re-screening.
pub(crate) async fn suppressions(store: Store, judge: Arc<dyn Judge>) -> Result<bool, StoreError> {
    let organizations = store.sweep_suppressions(judge).await?;
    if organizations > 0 {
        tracing::info!(organizations, "stored leads re-screened after suppression changes");
    }
    Ok(false)
}

/// Erases data that is older than the retention of its organization.
pub(crate) async fn retention(store: Store, deadline: Instant) -> Result<bool, StoreError> {
    let started = Instant::now();
    let swept = store.sweep_retention(deadline).await?;
    if swept.submissions + swept.leads + swept.quarantined + swept.audited + swept.events > 0 {
        tracing::info!(
            submissions = swept.submissions,
            leads = swept.leads,
            quarantined = swept.quarantined,
            audited = swept.audited,
            events = swept.events,
            took_seconds = started.elapsed().as_secs_f64(),
            more = swept.more,
            "retention sweep erased old data"
        );
    }
    let counts = [
        ("submissions", swept.submissions),
        ("leads", swept.leads),
        ("quarantined", swept.quarantined),
        ("audited", swept.audited),
        ("events", swept.events),
    ];
    for (kind, count) in counts {
        let count = u64::try_from(count).unwrap_or(0);
        metrics::counter!("leadgate_retention_erased_total", "kind" => kind).increment(count);
    }
    Ok(swept.more)
}

/// Deletes expired idempotency keys.
pub(crate) async fn idempotency_keys(store: Store, deadline: Instant) -> Result<bool, StoreError> {
    let (purged, more) = store.purge_idempotency_keys(deadline).await?;
    let purged = u64::try_from(purged).unwrap_or(0);
    metrics::counter!("leadgate_idempotency_keys_purged_total").increment(purged);
    Ok(more)
}
