//! Counts the deliveries that this process has not settled, for the metrics.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use leadgate_domain::Timestamp;

/// The unsettled deliveries, by their time of publishing.
#[derive(Debug, Clone, Default)]
pub(crate) struct UnackedDeliveries(Arc<Mutex<UnackedEntries>>);

#[derive(Debug, Default)]
struct UnackedEntries {
    by_time: BTreeSet<(Timestamp, u64)>,
    next: u64,
}

/// Counts one delivery until it is dropped.
#[derive(Debug)]
pub(crate) struct UnackedGuard {
    unacked: UnackedDeliveries,
    key: (Timestamp, u64),
}

impl UnackedDeliveries {
    /// A message without a time of publishing counts as published now.
    pub(crate) fn add(&self, published_at: Option<Timestamp>) -> UnackedGuard {
        let mut entries = self.lock();
        let key = (published_at.unwrap_or_else(Timestamp::now), entries.next);
        entries.next += 1;
        entries.by_time.insert(key);
        drop(entries);
        UnackedGuard { unacked: self.clone(), key }
    }

    pub(crate) fn count(&self) -> u64 {
        u64::try_from(self.lock().by_time.len()).unwrap_or(u64::MAX)
    }

    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        self.lock().by_time.first().map(|(at, _)| *at)
    }

    fn lock(&self) -> MutexGuard<'_, UnackedEntries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UnackedGuard {
    fn drop(&mut self) {
        self.unacked.lock().by_time.remove(&self.key);
    }
}
