//! Re-screens stored leads after an opt-out, in the background.
//!
//! Most opt-outs concern a few leads, which an index finds. Entries that concern many leads have separate
//! runs, so that an opt-out does not wait for a pass over all leads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use leadgate_domain::{Judge, OrganizationId};
use leadgate_store::{Store, StoreError};
use tokio::sync::Semaphore;

/// Maximum number of concurrent runs of each kind. Batches need store connections, too.
const MAX_RUNS: usize = 2;

/// The runs of a worker. If a run fails, a sweep does the rest.
#[derive(Clone)]
pub(crate) struct RescreenRunner {
    store: Store,
    judge: Arc<dyn Judge>,
    /// Runs of [`Store::rescreen_contacts`].
    contacts: RescreenRuns,
    /// Runs of [`Store::rescreen`].
    all_leads: RescreenRuns,
}

#[derive(Clone, Copy)]
enum RescreenKind {
    Contacts,
    AllLeads,
}

impl RescreenRunner {
    pub(crate) fn new(store: Store, judge: Arc<dyn Judge>) -> Self {
        Self { store, judge, contacts: RescreenRuns::default(), all_leads: RescreenRuns::default() }
    }

    /// Starts a run for the organization. If one is running, one more follows it, even after several calls.
    pub(crate) fn start(&self, organization: OrganizationId) {
        self.start_run(organization, RescreenKind::Contacts);
    }

    fn start_run(&self, organization: OrganizationId, kind: RescreenKind) {
        if self.runs(kind).running.start_or_queue(organization) {
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
                tracing::warn!(%organization, "re-screening after an opt-out failed, sweep will retry: {error}");
            }
            drop(permit);
            if !runs.running.finish(organization) {
                return;
            }
        }
    }

    async fn rescreen(&self, organization: OrganizationId, kind: RescreenKind) -> Result<(), StoreError> {
        let judge = Arc::clone(&self.judge);
        match kind {
            RescreenKind::Contacts => {
                if self.store.rescreen_contacts(organization, judge).await? {
                    self.start_run(organization, RescreenKind::AllLeads);
                }
                Ok(())
            }
            RescreenKind::AllLeads => self.store.rescreen(organization, judge, |_| {}).await,
        }
    }

    fn runs(&self, kind: RescreenKind) -> &RescreenRuns {
        match kind {
            RescreenKind::Contacts => &self.contacts,
            RescreenKind::AllLeads => &self.all_leads,
        }
    }
}

/// The runs of one kind. Each organization has at most one run at a time.
#[derive(Clone)]
struct RescreenRuns {
    running: RunningOrganizations,
    permits: Arc<Semaphore>,
}

impl Default for RescreenRuns {
    fn default() -> Self {
        Self { running: RunningOrganizations::default(), permits: Arc::new(Semaphore::new(MAX_RUNS)) }
    }
}

/// Organizations with a run, and whether another run was requested since it began.
#[derive(Clone, Default)]
struct RunningOrganizations(Arc<Mutex<HashMap<OrganizationId, bool>>>);

impl RunningOrganizations {
    /// Returns whether the caller must start a run.
    fn start_or_queue(&self, organization: OrganizationId) -> bool {
        let mut running = self.lock();
        if let Some(rerun) = running.get_mut(&organization) {
            *rerun = true;
            return false;
        }
        running.insert(organization, false);
        true
    }

    /// Returns whether the caller must run once more.
    fn finish(&self, organization: OrganizationId) -> bool {
        let mut running = self.lock();
        let rerun = running.get_mut(&organization).is_some_and(std::mem::take);
        if !rerun {
            running.remove(&organization);
        }
        rerun
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OrganizationId, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_during_a_run_cause_one_more_run() {
        let (running, organization, other) =
            (RunningOrganizations::default(), OrganizationId::generate(), OrganizationId::generate());
        assert!(running.start_or_queue(organization));
        assert!(
            !running.start_or_queue(organization) && !running.start_or_queue(organization),
            "it is running"
        );
        assert!(running.start_or_queue(other), "another organization does not wait");
        assert!(running.finish(organization), "another run was requested");
        assert!(!running.finish(organization));
        assert!(running.start_or_queue(organization), "it is no longer running");
    }
}
