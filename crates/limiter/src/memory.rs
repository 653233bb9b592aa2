//! Counts in this process: the whole limiter of the embedded shape, and what a gateway has left without Redis.

mod shard;

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use self::shard::Shard;
pub(crate) use self::shard::Share;
use crate::request::Owner;
use crate::{Decision, Request};

const SHARDS: usize = 64;

/// Windows in memory. All counters of an owner lie in one shard, so that one lock judges a request whole.
#[derive(Clone)]
pub struct Memory {
    shards: Arc<[Mutex<Shard>]>,
    hasher: RandomState,
}

impl Memory {
    pub(crate) fn new(windows_per_owner: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::new(Shard::new(windows_per_owner))).collect();
        Self { shards, hasher: RandomState::new() }
    }

    pub(crate) fn acquire(&self, request: &Request) -> Decision {
        self.acquire_share(request, Share::WHOLE)
    }

    /// Judges as one of several gateways that cannot ask each other.
    pub(crate) fn acquire_share(&self, request: &Request, share: Share) -> Decision {
        self.shard(request.owner).judge(request, share, Instant::now())
    }

    /// Notes what was taken elsewhere, in windows that end so much later.
    pub(crate) fn note(&self, request: &Request, ends_in: impl FnMut() -> Duration) {
        self.shard(request.owner).note(request, ends_in, Instant::now());
    }

    #[expect(clippy::indexing_slicing, reason = "a remainder is smaller than what it was divided by")]
    fn shard(&self, owner: Owner) -> MutexGuard<'_, Shard> {
        let hash = usize::try_from(self.hasher.hash_one(owner) & 0xffff).unwrap_or(0);
        self.shards[hash % self.shards.len()].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
