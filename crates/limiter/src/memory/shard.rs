//! The limiting rule: a window starts at its first permit, and a request takes permits from all its counters
//! or from none. `redis/acquire.lua` is the same rule for Redis.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use leadgate_domain::Rate;
use tokio::time::Instant;

use crate::decision::CounterState;
use crate::request::CounterOwner;
use crate::{Counter, LimitDecision, LimitRequest};

const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// The scope of the window that further counters share when an owner has too many windows. Real scopes are
/// not empty.
const OVERFLOW: &str = "";

/// The share of every limit that one of several gateways may grant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GatewayShare {
    gateways: u32,
}

impl GatewayShare {
    pub(crate) const WHOLE: Self = Self { gateways: 1 };

    pub(crate) fn per_gateway(gateways: u32) -> Self {
        Self { gateways: gateways.max(1) }
    }

    fn limit(self, rate: Rate) -> u32 {
        (rate.permits / self.gateways).max(1)
    }
}

/// The windows of the owners in this shard.
pub(super) struct CounterShard {
    owners: HashMap<CounterOwner, OwnerWindows>,
    windows_per_owner: usize,
    sweep_at: Option<Instant>,
}

impl CounterShard {
    pub(super) fn new(windows_per_owner: usize) -> Self {
        Self { owners: HashMap::new(), windows_per_owner, sweep_at: None }
    }

    pub(super) fn decide(
        &mut self,
        request: &LimitRequest,
        share: GatewayShare,
        now: Instant,
    ) -> LimitDecision {
        let permits = request.permits();
        let windows = self.windows_of(request.owner, now);
        let admitted = request
            .counters()
            .all(|counter| windows.get(counter, now).has_capacity(permits, share.limit(counter.rate)));
        if admitted && permits > 0 {
            for counter in request.counters() {
                let window = windows.get(counter, now);
                windows.set(counter, window.take(permits, counter.rate, share, now));
            }
        }
        LimitDecision::new(request, admitted, |counter| {
            let (window, limit) = (windows.get(counter, now), share.limit(counter.rate));
            CounterState {
                has_capacity: window.has_capacity(permits, limit),
                remaining: limit.saturating_sub(window.used),
                resets_in: window.ends.saturating_duration_since(now),
            }
        })
    }

    pub(super) fn record_usage(
        &mut self,
        request: &LimitRequest,
        mut ends_in: impl FnMut() -> Duration,
        now: Instant,
    ) {
        let windows = self.windows_of(request.owner, now);
        for counter in request.counters() {
            let current = windows.get(counter, now);
            let ends = now.checked_add(ends_in()).unwrap_or(now);
            // Two responses about the same window differ by their network delays, two windows by a whole
            // window.
            let same_window = ends.saturating_duration_since(current.ends) < counter.rate.window / 2;
            let used = if same_window { current.used } else { 0 };
            windows.set(counter, OpenWindow { ends, used: used.saturating_add(request.permits()) });
        }
    }

    fn windows_of(&mut self, owner: CounterOwner, now: Instant) -> &mut OwnerWindows {
        if self.sweep_at.is_none_or(|at| at <= now) {
            self.owners.retain(|_, windows| windows.sweep(now));
            self.sweep_at = now.checked_add(SWEEP_EVERY);
        }
        let max_windows = self.windows_per_owner;
        self.owners.entry(owner).or_insert_with(|| OwnerWindows { open: HashMap::new(), max_windows })
    }
}

/// The open windows of one owner, and those that ended since the last sweep.
struct OwnerWindows {
    open: HashMap<Arc<str>, OpenWindow>,
    max_windows: usize,
}

impl OwnerWindows {
    fn get(&self, counter: &Counter, now: Instant) -> OpenWindow {
        let current = self.open.get(self.window_scope(&counter.scope)).filter(|window| window.ends > now);
        current.copied().unwrap_or(OpenWindow { ends: now, used: 0 })
    }

    fn set(&mut self, counter: &Counter, window: OpenWindow) {
        let scope = self.window_scope(&counter.scope);
        match self.open.get_mut(scope) {
            Some(current) => *current = window,
            None if scope == OVERFLOW => _ = self.open.insert(OVERFLOW.into(), window),
            None => _ = self.open.insert(Arc::clone(&counter.scope), window),
        }
    }

    fn window_scope<'scope>(&self, scope: &'scope str) -> &'scope str {
        if self.open.len() < self.max_windows || self.open.contains_key(scope) { scope } else { OVERFLOW }
    }

    /// Removes windows that have ended. Returns whether any window is left.
    fn sweep(&mut self, now: Instant) -> bool {
        self.open.retain(|_, window| window.ends > now);
        self.open.shrink_to(2 * self.open.len());
        !self.open.is_empty()
    }
}

#[derive(Clone, Copy)]
struct OpenWindow {
    ends: Instant,
    used: u32,
}

impl OpenWindow {
    /// A batch larger than the share, but not larger than the limit, is admitted if the window is empty: see
    /// `take`.
    fn has_capacity(self, permits: u32, limit: u32) -> bool {
        let fits = self.used.checked_add(permits).is_some_and(|used| used <= limit);
        permits == 0 || fits || self.used == 0
    }

    /// A batch that is `n` shares large opens a window that is `n` times as long, so the rate is still kept.
    fn take(self, permits: u32, rate: Rate, share: GatewayShare, now: Instant) -> Self {
        if self.used > 0 {
            return Self { used: self.used.saturating_add(permits), ..self };
        }
        let windows = permits.div_ceil(share.limit(rate));
        Self { ends: now.checked_add(rate.window.saturating_mul(windows)).unwrap_or(now), used: permits }
    }
}

#[cfg(test)]
mod tests;
