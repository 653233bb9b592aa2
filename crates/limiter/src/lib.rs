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

/// Counts permits, in the place its URL names. Clones share their counts.
#[derive(Clone)]
pub enum Limiter {
    Memory(MemoryLimiter),
    Redis(RedisLimiter),
}

impl Limiter {
    /// Opens `memory:` or `redis://…` (`rediss://…` with TLS), within a runtime of tokio.
    ///
    /// A Redis that is down is no error: the limiter then starts degraded, having waited half a second at most.
    pub async fn open(config: LimiterConfig) -> Result<Self, LimiterError> {
        match config.url.split_once(':') {
            Some(("memory", _)) => Ok(Self::Memory(MemoryLimiter::new(config.windows_per_owner))),
            Some(("redis" | "rediss", _)) => Ok(Self::Redis(RedisLimiter::open(&config).await?)),
            _ => Err(LimiterError::Scheme),
        }
    }

    /// Takes the request's permits from all its counters, or from none. It always answers, and in bounded time.
    pub async fn acquire(&self, request: LimitRequest) -> LimitDecision {
        // Most answers need no waiting: without this a caller in a loop would never let anybody else run.
        tokio::task::consume_budget().await;
        let decision = match self {
            Self::Memory(memory) => memory.acquire(&request),
            Self::Redis(redis) => redis.acquire(&request).await,
        };
        metrics::counter!("leadgate_limiter_decisions_total", "verdict" => decision.verdict.as_str())
            .increment(1);
        decision
    }

    /// Whether limits hold over all gateways together at this moment.
    pub fn status(&self) -> LimiterStatus {
        match self {
            Self::Memory(_) => LimiterStatus::Ready,
            Self::Redis(redis) => redis.status(),
        }
    }
}
