//! Counts in memory: the limiter of the embedded shape, and the fallback of a gateway without Redis.

mod shard;

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use self::shard::CounterShard;
pub(crate) use self::shard::GatewayShare;
use crate::request::CounterOwner;
use crate::{LimitDecision, LimitRequest};

const SHARDS: usize = 64;

/// Windows in memory. All counters of an owner are in one shard, so a request needs one lock.
#[derive(Clone)]
pub(crate) struct MemoryLimiter {
    shards: Arc<[Mutex<CounterShard>]>,
    hasher: RandomState,
}

impl MemoryLimiter {
    pub(crate) fn new(windows_per_owner: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::new(CounterShard::new(windows_per_owner))).collect();
        Self { shards, hasher: RandomState::new() }
    }

    pub(crate) fn acquire(&self, request: &LimitRequest) -> LimitDecision {
        self.acquire_share(request, GatewayShare::WHOLE)
    }

    /// Decides with this gateway's share of the limits, when gateways cannot count together.
    pub(crate) fn acquire_share(&self, request: &LimitRequest, share: GatewayShare) -> LimitDecision {
        self.shard(request.owner).decide(request, share, Instant::now())
    }

    /// Records permits that Redis granted. `ends_in` returns the time until the window of each counter ends.
    pub(crate) fn record_usage(&self, request: &LimitRequest, ends_in: impl FnMut() -> Duration) {
        self.shard(request.owner).record_usage(request, ends_in, Instant::now());
    }

    #[expect(clippy::indexing_slicing, reason = "a remainder is smaller than what it was divided by")]
    fn shard(&self, owner: CounterOwner) -> MutexGuard<'_, CounterShard> {
        let hash = usize::try_from(self.hasher.hash_one(owner) & 0xffff).unwrap_or(0);
        self.shards[hash % self.shards.len()].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
