//! The age of the oldest submission that this worker has received and not settled. With a backlog, it is
//! close to the age of the first message in the queue.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use leadgate_domain::Timestamp;

/// The current batches of all consumer tasks of a worker.
#[derive(Debug, Clone, Default)]
pub(crate) struct BacklogAge(Arc<Mutex<BatchTimes>>);

#[derive(Debug, Default)]
struct BatchTimes {
    /// For each batch, when its oldest submission was received, and a number that makes the entry unique.
    oldest: BTreeSet<(Timestamp, u64)>,
    next: u64,
}

/// Counts one batch until it is dropped.
#[derive(Debug)]
pub(crate) struct BatchGuard {
    backlog_age: BacklogAge,
    key: (Timestamp, u64),
}

impl BacklogAge {
    pub(crate) fn begin_batch(&self, oldest: Timestamp) -> BatchGuard {
        let key = {
            let mut batches = self.lock();
            let key = (oldest, batches.next);
            batches.next += 1;
            batches.oldest.insert(key);
            key
        };
        self.record_gauge();
        BatchGuard { backlog_age: self.clone(), key }
    }

    /// Sets the gauge to the current age; 0 without a batch.
    pub(crate) fn record_gauge(&self) {
        let age = self.oldest().map(|oldest| Timestamp::now().since(oldest)).unwrap_or_default();
        metrics::gauge!("leadgate_worker_oldest_unprocessed_seconds").set(age.as_secs_f64());
    }

    fn oldest(&self) -> Option<Timestamp> {
        self.lock().oldest.first().map(|(oldest, _)| *oldest)
    }

    fn lock(&self) -> MutexGuard<'_, BatchTimes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for BatchGuard {
    fn drop(&mut self) {
        self.backlog_age.lock().oldest.remove(&self.key);
        self.backlog_age.record_gauge();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_batch_of_all_tasks_counts_until_it_is_dropped() {
        let backlog_age = BacklogAge::default();
        let at = Timestamp::from_microseconds;
        let (young, old) = (backlog_age.begin_batch(at(2)), backlog_age.begin_batch(at(1)));
        let same_age = backlog_age.begin_batch(at(1));
        assert_eq!(backlog_age.oldest(), Some(at(1)));
        drop(old);
        assert_eq!(backlog_age.oldest(), Some(at(1)), "another task has a batch of the same age");
        drop(same_age);
        assert_eq!(backlog_age.oldest(), Some(at(2)));
        drop(young);
        assert_eq!(backlog_age.oldest(), None, "an idle worker has no batch");
    }
}
