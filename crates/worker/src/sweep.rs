//! What one of all workers does from time to time.
//!
//! Each sweep is a task with a lease and a deadline of its own, so that none waits for another.

use std::sync::Arc;
use std::time::{Duration, Instant};

use leadgate_domain::Judge;
use leadgate_store::{RETENTION_SWEEP, Store, StoreError};
use tokio_util::sync::CancellationToken;

/// How often a worker tries to take a sweep.
const TICK: Duration = Duration::from_secs(5);

/// How much longer than a run its lease lasts. If a run overruns its lease, another worker may run too: both do the
/// same work, which is safe.
const MARGIN: Duration = Duration::from_secs(5);

/// Work that is found and done in rounds.
pub(crate) struct PeriodicSweep {
    name: &'static str,
    /// How long one run may take; what is left is done by the next, at once.
    run: Duration,
    /// How long after a run that finished the next one begins.
    pause: Duration,
}

pub(crate) const SUPPRESSIONS: PeriodicSweep =
    PeriodicSweep { name: "suppressions", run: Duration::from_secs(10), pause: Duration::from_secs(5) };
pub(crate) const RETENTION: PeriodicSweep = PeriodicSweep {
    name: RETENTION_SWEEP,
    run: Duration::from_secs(4 * 60),
    pause: Duration::from_secs(5 * 60),
};
pub(crate) const IDEMPOTENCY_KEYS: PeriodicSweep = PeriodicSweep {
    name: "idempotency_keys",
    run: Duration::from_secs(60),
    pause: Duration::from_secs(10 * 60),
};

impl PeriodicSweep {
    /// Runs `work` until told to stop, whenever no other worker does. `work` gets its deadline and returns whether
    /// anything is left. An error ends the run; the next one comes after the pause.
    pub(crate) async fn run_periodically<W: Future<Output = Result<bool, StoreError>>>(
        self,
        store: Store,
        stop: CancellationToken,
        work: impl Fn(Store, Instant) -> W,
    ) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut failing = false;
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            match self.try_once(&store, &work).await {
                Ok(false) => {}
                Ok(true) if std::mem::take(&mut failing) => {
                    tracing::info!(sweep = self.name, "sweep works again")
                }
                Ok(true) => {}
                Err(error) => {
                    metrics::counter!("leadgate_worker_sweeps_failed_total", "sweep" => self.name)
                        .increment(1);
                    // Logged once until it works again: it is tried every few seconds.
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(sweep = self.name, %error, "sweep failed");
                    }
                }
            }
        }
    }

    /// Returns whether it was this worker's turn.
    async fn try_once<W: Future<Output = Result<bool, StoreError>>>(
        &self,
        store: &Store,
        work: impl Fn(Store, Instant) -> W,
    ) -> Result<bool, StoreError> {
        let Some(lease) = store.lease(self.name, self.run + MARGIN).await? else { return Ok(false) };
        let done = work(store.clone(), Instant::now() + self.run).await;
        let pause = if matches!(done, Ok(true)) { Duration::ZERO } else { self.pause };
        store.end_lease(lease, pause).await?;
        done.map(|_| true)
    }
}

/// Re-screens stored leads after suppression entries ended, or whose re-screening was interrupted.
pub(crate) async fn suppressions(store: Store, judge: Arc<dyn Judge>) -> Result<bool, StoreError> {
    let concerned = store.sweep_suppressions(judge).await?;
    if concerned > 0 {
        tracing::info!(organizations = concerned, "stored leads re-screened after suppression changes");
    }
    Ok(false)
}

/// Erases what is older than its organization keeps it.
pub(crate) async fn retention(store: Store, deadline: Instant) -> Result<bool, StoreError> {
    let begun = Instant::now();
    let swept = store.sweep_retention(deadline).await?;
    if swept.submissions + swept.leads + swept.quarantined + swept.audited > 0 {
        tracing::info!(
            submissions = swept.submissions,
            leads = swept.leads,
            quarantined = swept.quarantined,
            audited = swept.audited,
            took_seconds = begun.elapsed().as_secs_f64(),
            more = swept.more,
            "what is older than it is kept for is erased"
        );
    }
    let counts = [
        ("submissions", swept.submissions),
        ("leads", swept.leads),
        ("quarantined", swept.quarantined),
        ("audited", swept.audited),
    ];
    for (what, count) in counts {
        let count = u64::try_from(count).unwrap_or(0);
        metrics::counter!("leadgate_retention_erased_total", "what" => what).increment(count);
    }
    Ok(swept.more)
}

/// Deletes idempotency keys that no longer count.
pub(crate) async fn idempotency_keys(store: Store, deadline: Instant) -> Result<bool, StoreError> {
    let (purged, more) = store.purge_idempotency_keys(deadline).await?;
    let purged = u64::try_from(purged).unwrap_or(0);
    metrics::counter!("leadgate_idempotency_keys_purged_total").increment(purged);
    Ok(more)
}
