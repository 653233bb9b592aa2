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
pub use memory::MemoryLimiter;
pub use redis::RedisLimiter;
pub use request::{Counter, LimitRequest};

/// Counts permits, in memory or in Redis. Clones share their counts.
#[derive(Clone)]
pub enum Limiter {
    Memory(MemoryLimiter),
    Redis(RedisLimiter),
}

impl Limiter {
    /// Opens `memory:` or `redis://…` (`rediss://…` with TLS). Must be called in a tokio runtime.
    ///
    /// An unreachable Redis is not an error: the limiter then starts degraded, after at most half a second.
    pub async fn open(config: LimiterConfig) -> Result<Self, LimiterError> {
        match config.url.split_once(':') {
            Some(("memory", _)) => Ok(Self::Memory(MemoryLimiter::new(config.windows_per_owner))),
            Some(("redis" | "rediss", _)) => Ok(Self::Redis(RedisLimiter::open(&config).await?)),
            _ => Err(LimiterError::Scheme),
        }
    }

    /// Returns a limiter with the same counts for the requests of this thread. It collects them in a task of the
    /// current runtime, so they wake no other thread. Its calls to Redis run in the runtime in which the limiter
    /// was opened, which must not be this one if this thread can be busy for longer than the time limit of a call.
    ///
    /// Returns when Redis answers, after at most half a second.
    pub async fn for_this_thread(&self) -> Self {
        match self {
            Self::Memory(memory) => Self::Memory(memory.clone()),
            Self::Redis(redis) => Self::Redis(redis.for_this_thread().await),
        }
    }

    /// Takes the request's permits from all its counters, or from none. Always returns a decision, within two
    /// time limits of a Redis call.
    pub async fn acquire(&self, request: LimitRequest) -> LimitDecision {
        // Most calls return without waiting. Without this, a caller in a loop would starve other tasks.
        tokio::task::consume_budget().await;
        let decision = match self {
            Self::Memory(memory) => memory.acquire(&request),
            Self::Redis(redis) => redis.acquire(&request).await,
        };
        metrics::counter!("leadgate_limiter_decisions_total", "verdict" => decision.verdict.as_str())
            .increment(1);
        decision
    }

    /// Whether all gateways currently count together.
    pub fn status(&self) -> LimiterStatus {
        match self {
            Self::Memory(_) => LimiterStatus::Ready,
            Self::Redis(redis) => redis.status(),
        }
    }
}
