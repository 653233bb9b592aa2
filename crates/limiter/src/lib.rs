#![doc = include_str!("../README.md")]

mod config;
mod decision;
mod idempotency_markers;
mod memory;
mod redis;
mod request;

pub use config::{LimiterConfig, LimiterError, LimiterStatus};
pub use decision::{LimitDecision, LimitVerdict};
pub use idempotency_markers::{IdempotencyMarkers, IdempotencyState};
pub use request::{Counter, LimitRequest};

use decision::DecisionCounters;
use memory::MemoryLimiter;
use redis::RedisLimiter;

/// Counts permits, in memory or in Redis. Clones share their counts.
#[derive(Clone)]
pub struct Limiter {
    adapter: Adapter,
    decisions: DecisionCounters,
}

#[derive(Clone)]
enum Adapter {
    Memory(MemoryLimiter),
    Redis(RedisLimiter),
}

impl Limiter {
    /// Opens `memory:` or `redis://…` (`rediss://…` with TLS). Must be called in a tokio runtime.
    ///
    /// An unreachable Redis is not an error: the limiter then starts degraded, after at most half a second.
    pub async fn open(config: LimiterConfig) -> Result<Self, LimiterError> {
        let adapter = match config.url.split_once(':') {
            Some(("memory", _)) => Adapter::Memory(MemoryLimiter::new(config.windows_per_owner)),
            Some(("redis" | "rediss", _)) => Adapter::Redis(RedisLimiter::open(&config).await?),
            _ => return Err(LimiterError::Scheme),
        };
        Ok(Self { adapter, decisions: DecisionCounters::new() })
    }

    /// Returns a limiter with the same counts for the requests of this thread. It collects them in a task of the
    /// current runtime, so they wake no other thread. Its calls to Redis run in the runtime in which the limiter
    /// was opened, which must not be this one if this thread can be busy for longer than the time limit of a call.
    ///
    /// Returns when Redis answers, after at most half a second.
    pub async fn for_this_thread(&self) -> Self {
        let adapter = match &self.adapter {
            Adapter::Memory(memory) => Adapter::Memory(memory.clone()),
            Adapter::Redis(redis) => Adapter::Redis(redis.for_this_thread().await),
        };
        Self { adapter, decisions: self.decisions.clone() }
    }

    /// Takes the request's permits from all its counters, or from none. Always returns a decision, within two
    /// time limits of a Redis call.
    pub async fn acquire(&self, request: LimitRequest) -> LimitDecision {
        // Most calls return without waiting. Without this, a caller in a loop would starve other tasks.
        tokio::task::consume_budget().await;
        let decision = match &self.adapter {
            Adapter::Memory(memory) => memory.acquire(&request),
            Adapter::Redis(redis) => redis.acquire(&request).await,
        };
        self.decisions.count(decision.verdict);
        decision
    }

    /// Whether all gateways currently count together.
    pub fn status(&self) -> LimiterStatus {
        match &self.adapter {
            Adapter::Memory(_) => LimiterStatus::Ready,
            Adapter::Redis(redis) => redis.status(),
        }
    }
}
