//! What one of all workers does from time to time.

use std::sync::Arc;
use std::time::Duration;

use leadgate_domain::Judge;
use leadgate_store::{Store, StoreError};
use tokio_util::sync::CancellationToken;

/// How often it is looked whether there is something to do.
const PAUSE: Duration = Duration::from_secs(5);

/// For how long nobody else looks. A sweep that takes longer may meet another's, which does the same, and no harm.
const LEASE: Duration = Duration::from_secs(10);

/// Sweeps until told to stop. A store that is away is not the sweeper's trouble: it comes again.
pub(crate) async fn keep_sweeping(store: Store, judge: Arc<dyn Judge>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(PAUSE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(error) = sweep(&store, &judge).await {
            tracing::debug!("nothing swept: {error}");
        }
    }
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
