//! Limits each organization to one long-running report or operation at a time.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use leadgate_domain::OrganizationId;

/// The organizations with running work.
#[derive(Default)]
pub(crate) struct OrganizationPermits(Arc<Mutex<BTreeSet<OrganizationId>>>);

impl OrganizationPermits {
    /// `None` if work of the organization is already running.
    pub(crate) fn try_acquire(&self, organization: OrganizationId) -> Option<OrganizationPermit> {
        let is_first = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(organization);
        is_first.then(|| OrganizationPermit { running: Arc::clone(&self.0), organization })
    }
}

/// The permit of an organization. It is held until the work has ended.
pub(crate) struct OrganizationPermit {
    running: Arc<Mutex<BTreeSet<OrganizationId>>>,
    organization: OrganizationId,
}

impl Drop for OrganizationPermit {
    fn drop(&mut self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.organization);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn organizations_run_one_operation_each_and_do_not_block_each_other() {
        let (work, [organization, other]) =
            (OrganizationPermits::default(), [(); 2].map(|()| OrganizationId::generate()));
        let first = work.try_acquire(organization).unwrap();
        assert!(work.try_acquire(organization).is_none() && work.try_acquire(other).is_some());
        drop(first);
        assert!(work.try_acquire(organization).is_some());
    }
}
