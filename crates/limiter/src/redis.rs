//! Counts in Redis, for all gateways together. Without Redis, this gateway counts its share of the limits
//! alone.

mod acquire_call;
mod batch_metrics;
pub(crate) mod batched_call;
pub(crate) mod batcher;
mod connection;
pub(crate) mod lua_script;

use std::sync::Arc;
use std::time::Duration;

use self::acquire_call::{AcquireCall, AcquireResult};
use self::batcher::Batcher;
use crate::decision::CounterState;
use crate::memory::{GatewayShare, MemoryLimiter};
use crate::{LimitDecision, LimitRequest, LimiterConfig, LimiterError, LimiterStatus};

/// Windows in Redis, and a local record of the permits that this gateway took from them.
#[derive(Clone)]
pub(crate) struct RedisLimiter {
    batcher: Batcher<AcquireCall>,
    local: MemoryLimiter,
    share: GatewayShare,
    prefix: Arc<str>,
}

impl RedisLimiter {
    pub(crate) async fn open(config: &LimiterConfig) -> Result<Self, LimiterError> {
        Ok(Self {
            batcher: Batcher::open(config).await?,
            local: MemoryLimiter::new(config.windows_per_owner),
            share: GatewayShare::per_gateway(config.gateways),
            prefix: config.prefix.as_str().into(),
        })
    }

    /// The same limits and local record, with calls to Redis that gather apart from those of other threads.
    pub(crate) async fn for_this_thread(&self) -> Self {
        Self { batcher: self.batcher.open_sibling().await, ..self.clone() }
    }

    pub(crate) async fn acquire(&self, request: &LimitRequest) -> LimitDecision {
        match self.batcher.call(AcquireCall::new(request, &self.prefix)).await {
            Some(answer) => self.decide(request, &answer),
            None => {
                metrics::counter!("leadgate_limiter_fallbacks_total").increment(1);
                self.local.acquire_share(request, self.share)
            }
        }
    }

    pub(crate) fn status(&self) -> LimiterStatus {
        self.batcher.status()
    }

    fn decide(&self, request: &LimitRequest, answer: &AcquireResult) -> LimitDecision {
        if answer.admitted && request.permits() > 0 {
            let mut ends = answer.windows.iter();
            self.local.record_usage(request, || ends.next().map_or(Duration::ZERO, |window| window.ends_in));
        }
        let mut windows = answer.windows.iter().copied();
        LimitDecision::new(request, answer.admitted, |counter| {
            let window = windows.next().unwrap_or_default();
            let remaining = counter.rate.permits.saturating_sub(window.used);
            CounterState {
                has_capacity: request.permits() <= remaining,
                remaining,
                resets_in: window.ends_in,
            }
        })
    }
}
