//! Reports that take longer than other reads: one at a time for each organization.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use leadgate_domain::OrganizationId;

/// Organizations that have a long report running.
#[derive(Default)]
pub(crate) struct LongReports(Arc<Mutex<BTreeSet<OrganizationId>>>);

impl LongReports {
    /// `None` if the organization has one already.
    pub(crate) fn begin(&self, organization: OrganizationId) -> Option<LongReport> {
        let is_first = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(organization);
        is_first.then(|| LongReport { reports: Arc::clone(&self.0), organization })
    }
}

/// The permit to count one. The store keeps it until the count has ended.
pub(crate) struct LongReport {
    reports: Arc<Mutex<BTreeSet<OrganizationId>>>,
    organization: OrganizationId,
}

impl Drop for LongReport {
    fn drop(&mut self) {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.organization);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organization_has_one_at_a_time_and_waits_for_no_other() {
        let (reports, [one, other]) = (LongReports::default(), [(); 2].map(|()| OrganizationId::generate()));
        let first = reports.begin(one).unwrap();
        assert!(reports.begin(one).is_none() && reports.begin(other).is_some());
        drop(first);
        assert!(reports.begin(one).is_some());
    }
}
