//! How old the oldest submission is that this worker has in hand. With a backlog that is the age of its head.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use leadgate_domain::Timestamp;

/// What the lanes of a worker have in hand.
#[derive(Debug, Clone, Default)]
pub(crate) struct BacklogAge(Arc<Mutex<BatchTimes>>);

#[derive(Debug, Default)]
struct BatchTimes {
    /// When the oldest submission of each batch was received, with a number that tells batches apart.
    oldest: BTreeSet<(Timestamp, u64)>,
    next: u64,
}

/// One batch, until it is dropped.
#[derive(Debug)]
pub(crate) struct BatchGuard {
    in_hand: BacklogAge,
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
        BatchGuard { in_hand: self.clone(), key }
    }

    /// Sets the gauge: what is in hand grows older, and a worker with nothing in hand is behind with nothing.
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
        self.in_hand.lock().oldest.remove(&self.key);
        self.in_hand.record_gauge();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_all_lanes_counts_until_it_is_done_with() {
        let in_hand = BacklogAge::default();
        let at = Timestamp::from_microseconds;
        let (young, old) = (in_hand.begin_batch(at(2)), in_hand.begin_batch(at(1)));
        let twin = in_hand.begin_batch(at(1));
        assert_eq!(in_hand.oldest(), Some(at(1)));
        drop(old);
        assert_eq!(in_hand.oldest(), Some(at(1)), "another lane has one as old");
        drop(twin);
        assert_eq!(in_hand.oldest(), Some(at(2)));
        drop(young);
        assert_eq!(in_hand.oldest(), None, "an idle worker has nothing in hand");
    }
}
