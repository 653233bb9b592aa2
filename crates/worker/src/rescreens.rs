//! Re-screening of stored leads after an opt-out, in the background: one run at a time per organization.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use leadgate_domain::{Judge, OrganizationId};
use leadgate_store::Store;
use tokio::sync::Semaphore;

/// Organizations that are rescreened at the same time: the batches need connections, too.
const AT_ONCE: usize = 2;

/// The runs of a worker. If one ends early, a sweep does what is left.
#[derive(Clone)]
pub(crate) struct Rescreens {
    store: Store,
    judge: Arc<dyn Judge>,
    running: Running,
    permits: Arc<Semaphore>,
}

impl Rescreens {
    pub(crate) fn new(store: Store, judge: Arc<dyn Judge>) -> Self {
        Self { store, judge, running: Running::default(), permits: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Starts a run for the organization. While one is running, another follows it, however often it is asked for.
    pub(crate) fn start(&self, organization: OrganizationId) {
        if self.running.begin(organization) {
            let this = self.clone();
            tokio::spawn(async move { this.run(organization).await });
        }
    }

    async fn run(&self, organization: OrganizationId) {
        loop {
            // The semaphore is never closed.
            let permit = self.permits.acquire().await;
            if let Err(error) = self.store.rescreen(organization, Arc::clone(&self.judge), |_| {}).await {
                tracing::warn!(%organization, "re-screening after an opt-out failed; a sweep will retry: {error}");
            }
            drop(permit);
            if !self.running.end(organization) {
                return;
            }
        }
    }
}

/// Organizations with a run, and whether another run was asked for since it began.
#[derive(Clone, Default)]
struct Running(Arc<Mutex<HashMap<OrganizationId, bool>>>);

impl Running {
    /// Whether the caller is to run.
    fn begin(&self, organization: OrganizationId) -> bool {
        let mut running = self.lock();
        if let Some(again) = running.get_mut(&organization) {
            *again = true;
            return false;
        }
        running.insert(organization, false);
        true
    }

    /// Whether the caller is to run once more.
    fn end(&self, organization: OrganizationId) -> bool {
        let mut running = self.lock();
        let again = running.get_mut(&organization).is_some_and(std::mem::take);
        if !again {
            running.remove(&organization);
        }
        again
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OrganizationId, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_per_organization_and_one_more_for_all_that_asked_meanwhile() {
        let (running, one, other) =
            (Running::default(), OrganizationId::generate(), OrganizationId::generate());
        assert!(running.begin(one));
        assert!(!running.begin(one) && !running.begin(one), "it is running");
        assert!(running.begin(other), "another organization does not wait");
        assert!(running.end(one), "it was asked for meanwhile");
        assert!(!running.end(one));
        assert!(running.begin(one), "it is no longer running");
    }
}
