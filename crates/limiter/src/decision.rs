//! The result of a [`LimitRequest`].

use std::cmp::Reverse;
use std::time::Duration;

use leadgate_domain::Rate;
use metrics::counter;

use crate::{Counter, LimitRequest};

/// Whether a request is admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum LimitVerdict {
    /// Every counter granted the permits.
    Allowed,
    /// No counter granted a permit. The caller may retry after [`LimitDecision::retry_after`].
    Limited,
    /// No counter granted a permit, and a retry cannot succeed: the batch is larger than a limit.
    LargerThanLimit,
}

impl LimitVerdict {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Counts decisions by verdict. The recorder of the process must be installed before.
#[derive(Clone)]
pub(crate) struct DecisionCounters {
    allowed: metrics::Counter,
    limited: metrics::Counter,
    larger_than_limit: metrics::Counter,
}

impl DecisionCounters {
    pub(crate) fn new() -> Self {
        let counter = |verdict: LimitVerdict| counter!("leadgate_limiter_decisions_total", "verdict" => verdict.as_str());
        Self {
            allowed: counter(LimitVerdict::Allowed),
            limited: counter(LimitVerdict::Limited),
            larger_than_limit: counter(LimitVerdict::LargerThanLimit),
        }
    }

    pub(crate) fn count(&self, verdict: LimitVerdict) {
        let counter = match verdict {
            LimitVerdict::Allowed => &self.allowed,
            LimitVerdict::Limited => &self.limited,
            LimitVerdict::LargerThanLimit => &self.larger_than_limit,
        };
        counter.increment(1);
    }
}

/// A verdict, and the state of the most restrictive counter after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitDecision {
    pub verdict: LimitVerdict,
    /// The counter that the other fields describe:
    ///
    /// - With [`LimitVerdict::Allowed`], it is the counter with the fewest permits left.
    /// - With [`LimitVerdict::Limited`], it is the counter that resets last.
    /// - With [`LimitVerdict::LargerThanLimit`], it is the counter with the lowest limit.
    pub counter: Counter,
    /// Permits left in the counter's window.
    pub remaining: u32,
    /// Time until the counter's window ends; zero if no window is open.
    pub resets_in: Duration,
    /// Time until every counter that refused has a new window. Only with [`LimitVerdict::Limited`].
    pub retry_after: Option<Duration>,
}

impl LimitDecision {
    pub fn allowed(&self) -> bool {
        self.verdict == LimitVerdict::Allowed
    }

    /// The limit and window of [`LimitDecision::counter`].
    pub fn rate(&self) -> Rate {
        self.counter.rate
    }

    /// [`LimitDecision::resets_in`] in whole seconds, rounded up.
    pub fn resets_in_seconds(&self) -> u64 {
        ceil_seconds(self.resets_in)
    }

    /// [`LimitDecision::retry_after`] in whole seconds, rounded up, at least one.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after.map(|wait| ceil_seconds(wait).max(1))
    }

    /// Calls `state_of` once for each counter, in the order of the request.
    pub(crate) fn new(
        request: &LimitRequest,
        admitted: bool,
        mut state_of: impl FnMut(&Counter) -> CounterState,
    ) -> Self {
        let verdict = match (request.larger_than_limit(), admitted) {
            (true, _) => LimitVerdict::LargerThanLimit,
            (false, true) => LimitVerdict::Allowed,
            (false, false) => LimitVerdict::Limited,
        };
        let priority = |(counter, state): &(&Counter, CounterState)| match verdict {
            LimitVerdict::LargerThanLimit => (counter.rate.permits, Reverse(Duration::ZERO)),
            LimitVerdict::Allowed => (state.remaining, Reverse(state.resets_in)),
            LimitVerdict::Limited => (u32::from(state.has_capacity), Reverse(state.resets_in)),
        };
        let first = (&request.first, state_of(&request.first));
        let others = request.others.iter().map(|counter| (counter, state_of(counter)));
        let (counter, state) = others.fold(first, |a, b| if priority(&b) < priority(&a) { b } else { a });
        Self {
            verdict,
            counter: counter.clone(),
            remaining: state.remaining,
            resets_in: state.resets_in,
            retry_after: (verdict == LimitVerdict::Limited).then_some(state.resets_in),
        }
    }
}

/// The state of one counter after a decision.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CounterState {
    /// Whether this counter had enough permits.
    pub(crate) has_capacity: bool,
    pub(crate) remaining: u32,
    /// Time until the window ends; zero if no window is open.
    pub(crate) resets_in: Duration,
}

fn ceil_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
