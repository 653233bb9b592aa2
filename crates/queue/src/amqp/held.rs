//! What this process holds unsettled, for the metrics.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use leadgate_domain::Timestamp;

/// Counts deliveries between hand-out and settlement, by the time they were published.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held(Arc<Mutex<Ledger>>);

#[derive(Debug, Default)]
struct Ledger {
    entries: BTreeSet<(Timestamp, u64)>,
    next: u64,
}

/// Counts until it is dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    held: Held,
    key: (Timestamp, u64),
}

impl Held {
    /// A message that does not say when it was published counts as published now.
    pub(crate) fn enter(&self, published_at: Option<Timestamp>) -> Entry {
        let mut ledger = self.lock();
        let key = (published_at.unwrap_or_else(Timestamp::now), ledger.next);
        ledger.next += 1;
        ledger.entries.insert(key);
        drop(ledger);
        Entry { held: self.clone(), key }
    }

    pub(crate) fn count(&self) -> u64 {
        u64::try_from(self.lock().entries.len()).unwrap_or(u64::MAX)
    }

    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        self.lock().entries.first().map(|(at, _)| *at)
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.held.lock().entries.remove(&self.key);
    }
}
