//! Splits batches: some submissions are committed in a separate, small transaction.

use std::collections::HashSet;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use leadgate_domain::{ClaimKey, NormalizedSubmission};

/// For how long a key counts as recent; at most for twice as long.
const RECENT: Duration = Duration::from_secs(5);

/// Keys that are remembered at most, about 10 MB.
const MOST: usize = 100_000;

/// Splits batches so that a frequently repeated key does not serialize whole batches.
///
/// A commit keeps its claims locked until it ends. A batch that shares a key with a running batch therefore
/// waits for the end of that batch. So submissions with a key of a recent batch, and opt-outs, which people
/// repeat, are committed in a separate small transaction. The order of commits does not matter.
#[derive(Default)]
pub struct BatchSplitter(Mutex<RecentKeys>);

#[derive(Default)]
struct RecentKeys {
    since: Option<Instant>,
    current: HashSet<ClaimKey>,
    before: HashSet<ClaimKey>,
}

impl BatchSplitter {
    /// The parts of a batch in the order in which they must be committed. No part is empty.
    pub fn split(&self, batch: Vec<NormalizedSubmission>) -> Vec<Arc<[NormalizedSubmission]>> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.expire_keys(Instant::now());
        let is_apart =
            |one: &NormalizedSubmission| one.is_opt_out() || one.claim_keys().any(|key| keys.contains(key));
        let (apart, rest): (Vec<_>, Vec<_>) = batch.into_iter().partition(is_apart);
        keys.current.extend(rest.iter().chain(&apart).flat_map(NormalizedSubmission::claim_keys).copied());
        [rest, apart].into_iter().filter(|part| !part.is_empty()).map(Arc::from).collect()
    }
}

impl RecentKeys {
    fn contains(&self, key: &ClaimKey) -> bool {
        self.current.contains(key) || self.before.contains(key)
    }

    fn expire_keys(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        if now.duration_since(since) >= RECENT || self.current.len() >= MOST {
            self.before = mem::take(&mut self.current);
            self.since = Some(now);
        }
    }
}
