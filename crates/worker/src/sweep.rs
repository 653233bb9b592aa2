//! What one of all workers does from time to time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use leadgate_domain::Judge;
use leadgate_pipeline::Pipeline;
use leadgate_store::{Directory, Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::rebuild::rebuild_without_erased;

/// How often it is looked whether there is something to do.
const PAUSE: Duration = Duration::from_secs(5);

/// For how long nobody else looks. A sweep that takes longer may meet another's, which does the same, and no harm.
const LEASE: Duration = Duration::from_secs(10);

/// How often it is looked for what is too old to be kept, and how much of that time may go into it.
const RETENTION_LEASE: Duration = Duration::from_secs(5 * 60);
const RETENTION_TIME: Duration = Duration::from_secs(4 * 60);

/// Sweeps until told to stop. A store that is away is not the sweeper's trouble: it comes again.
pub(crate) async fn keep_sweeping(store: Store, judge: Arc<dyn Judge>, stop: CancellationToken) {
    let mut ticks = ticks();
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(error) = sweep(&store, &judge).await {
            tracing::debug!("nothing swept: {error}");
        }
    }
}

fn ticks() -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(PAUSE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticks
}

async fn sweep(store: &Store, judge: &Arc<dyn Judge>) -> Result<(), StoreError> {
    if store.lease("suppressions", LEASE).await? {
        let concerned = store.sweep_suppressions(Arc::clone(judge)).await?;
        if concerned > 0 {
            tracing::info!(organizations = concerned, "stored leads learnt of suppressions");
        }
    }
    Ok(())
}

/// Erases what is too old, and what was on its way while its person was erased. It may take minutes, so that it does
/// not keep others waiting.
pub(crate) async fn keep_erasing(
    store: Store,
    directory: Arc<Directory>,
    pipeline: Arc<Pipeline>,
    stop: CancellationToken,
) {
    let mut ticks = ticks();
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(error) = erase(&store, &directory, &pipeline).await {
            tracing::debug!("nothing erased: {error}");
        }
    }
}

async fn erase(store: &Store, directory: &Directory, pipeline: &Arc<Pipeline>) -> Result<(), StoreError> {
    if !store.lease("retention", RETENTION_LEASE).await? {
        return Ok(());
    }
    let begun = Instant::now();
    for (organization, late) in store.sweep_in_flight().await? {
        if late.submissions > 0 {
            tracing::info!(
                submissions = late.submissions,
                leads = late.leads,
                "what was on its way while its person was erased is erased, too"
            );
        }
        let known = directory.snapshot();
        let rebuilt = rebuild_without_erased(store, organization, &late.to_rebuild, (&known, pipeline)).await;
        if let Err(error) = rebuilt {
            // They stay on the list for the next round, and nobody else's are kept waiting.
            tracing::warn!(%organization, %error, "leads still show what was erased");
        }
    }
    let swept = store.sweep_retention(begun + RETENTION_TIME).await?;
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
    Ok(())
}
