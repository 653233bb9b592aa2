//! Work that is done once at a time for each organization: reports that take long, and operations.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use leadgate_domain::OrganizationId;

/// Organizations that have such work running.
#[derive(Default)]
pub(crate) struct OrganizationPermits(Arc<Mutex<BTreeSet<OrganizationId>>>);

impl OrganizationPermits {
    /// `None` if the organization has some running already.
    pub(crate) fn begin(&self, organization: OrganizationId) -> Option<OrganizationPermit> {
        let is_first = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(organization);
        is_first.then(|| OrganizationPermit { running: Arc::clone(&self.0), organization })
    }
}

/// The permit of an organization, which is kept until the work has ended.
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
    fn an_organization_has_one_at_a_time_and_waits_for_no_other() {
        let (work, [one, other]) =
            (OrganizationPermits::default(), [(); 2].map(|()| OrganizationId::generate()));
        let first = work.begin(one).unwrap();
        assert!(work.begin(one).is_none() && work.begin(other).is_some());
        drop(first);
        assert!(work.begin(one).is_some());
    }
}
