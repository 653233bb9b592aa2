//! Re-screening of stored leads after an opt-out, in the background.
//!
//! Most opt-outs concern a few leads, and those are found by an index. Entries that concern many leads have runs of
//! their own, so that an opt-out does not wait for a pass over all leads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use leadgate_domain::{Judge, OrganizationId};
use leadgate_store::{Store, StoreError};
use tokio::sync::Semaphore;

/// Runs of each kind at the same time, of different organizations: the batches need connections, too.
const AT_ONCE: usize = 2;

/// The runs of a worker. If one ends early, a sweep does what is left.
#[derive(Clone)]
pub(crate) struct RescreenRunner {
    store: Store,
    judge: Arc<dyn Judge>,
    /// [`Store::rescreen_contacts`].
    contacts: RescreenRuns,
    /// [`Store::rescreen`].
    everything: RescreenRuns,
}

#[derive(Clone, Copy)]
enum RescreenKind {
    Contacts,
    Everything,
}

impl RescreenRunner {
    pub(crate) fn new(store: Store, judge: Arc<dyn Judge>) -> Self {
        Self { store, judge, contacts: RescreenRuns::default(), everything: RescreenRuns::default() }
    }

    /// Starts a run for the organization. While one is running, another follows it, however often it is asked for.
    pub(crate) fn start(&self, organization: OrganizationId) {
        self.start_run(organization, RescreenKind::Contacts);
    }

    fn start_run(&self, organization: OrganizationId, kind: RescreenKind) {
        if self.runs(kind).running.begin(organization) {
            let this = self.clone();
            tokio::spawn(async move { this.run(organization, kind).await });
        }
    }

    async fn run(&self, organization: OrganizationId, kind: RescreenKind) {
        let runs = self.runs(kind);
        loop {
            // The semaphore is never closed.
            let permit = runs.permits.acquire().await;
            if let Err(error) = self.rescreen(organization, kind).await {
                tracing::warn!(%organization, "re-screening after an opt-out failed; a sweep will retry: {error}");
            }
            drop(permit);
            if !runs.running.end(organization) {
                return;
            }
        }
    }

    async fn rescreen(&self, organization: OrganizationId, kind: RescreenKind) -> Result<(), StoreError> {
        let judge = Arc::clone(&self.judge);
        match kind {
            RescreenKind::Contacts => {
                if self.store.rescreen_contacts(organization, judge).await? {
                    self.start_run(organization, RescreenKind::Everything);
                }
                Ok(())
            }
            RescreenKind::Everything => self.store.rescreen(organization, judge, |_| {}).await,
        }
    }

    fn runs(&self, kind: RescreenKind) -> &RescreenRuns {
        match kind {
            RescreenKind::Contacts => &self.contacts,
            RescreenKind::Everything => &self.everything,
        }
    }
}

/// The runs of one kind: one at a time per organization.
#[derive(Clone)]
struct RescreenRuns {
    running: RunningOrganizations,
    permits: Arc<Semaphore>,
}

impl Default for RescreenRuns {
    fn default() -> Self {
        Self { running: RunningOrganizations::default(), permits: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

/// Organizations with a run, and whether another run was asked for since it began.
#[derive(Clone, Default)]
struct RunningOrganizations(Arc<Mutex<HashMap<OrganizationId, bool>>>);

impl RunningOrganizations {
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
            (RunningOrganizations::default(), OrganizationId::generate(), OrganizationId::generate());
        assert!(running.begin(one));
        assert!(!running.begin(one) && !running.begin(one), "it is running");
        assert!(running.begin(other), "another organization does not wait");
        assert!(running.end(one), "it was asked for meanwhile");
        assert!(!running.end(one));
        assert!(running.begin(one), "it is no longer running");
    }
}
