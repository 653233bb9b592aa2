//! The metrics of a batcher.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

/// Metrics of one kind of call. Several batchers of a process count together.
pub(super) struct BatchMetrics {
    succeeded: Counter,
    failed: Counter,
    requests: Histogram,
    seconds: Histogram,
    /// The number of batchers that do not use Redis.
    fallback_active: Gauge,
    is_in_fallback: bool,
}

impl BatchMetrics {
    pub(super) fn new(call: &'static str) -> Self {
        let calls = |result: &'static str| counter!("leadgate_limiter_calls_total", "call" => call, "result" => result);
        Self {
            succeeded: calls("ok"),
            failed: calls("failed"),
            requests: histogram!("leadgate_limiter_call_requests", "call" => call),
            seconds: histogram!("leadgate_limiter_call_seconds", "call" => call),
            fallback_active: gauge!("leadgate_limiter_fallback_active", "call" => call),
            is_in_fallback: false,
        }
    }

    pub(super) fn record_batch(&self, size: usize, elapsed: Duration, ok: bool) {
        let calls = if ok { &self.succeeded } else { &self.failed };
        calls.increment(1);
        self.requests.record(u32::try_from(size).unwrap_or(u32::MAX));
        self.seconds.record(elapsed);
    }

    pub(super) fn set_fallback(&mut self, active: bool) {
        match (self.is_in_fallback, active) {
            (false, true) => self.fallback_active.increment(1),
            (true, false) => self.fallback_active.decrement(1),
            _ => {}
        }
        self.is_in_fallback = active;
    }
}

impl Drop for BatchMetrics {
    fn drop(&mut self) {
        self.set_fallback(false);
    }
}
