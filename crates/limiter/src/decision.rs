//! What a limiter answers.

use std::cmp::Reverse;
use std::time::Duration;

use leadgate_domain::Rate;

use crate::{Counter, LimitRequest};

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum LimitVerdict {
    /// Every counter gave its permits.
    Allowed,
    /// No counter gave any; try again after [`LimitDecision::retry_after`].
    Limited,
    /// No counter gave any, and trying again is useless: send smaller batches.
    LargerThanLimit,
}

impl LimitVerdict {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A verdict, and how the counter that binds most stands after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitDecision {
    pub verdict: LimitVerdict,
    /// The counter the rest speaks of: the one to wait for longest, or else the one with the fewest permits left.
    pub counter: Counter,
    /// Permits left in its window.
    pub remaining: u32,
    /// Until its window ends; zero if none is open.
    pub reset: Duration,
    /// Until every counter that refused has a fresh window; only with [`LimitVerdict::Limited`].
    pub retry_after: Option<Duration>,
}

impl LimitDecision {
    pub fn allowed(&self) -> bool {
        self.verdict == LimitVerdict::Allowed
    }

    /// The limit and window of the counter spoken of.
    pub fn rate(&self) -> Rate {
        self.counter.rate
    }

    /// [`LimitDecision::reset`] in whole seconds, rounded up: after them the window has ended.
    pub fn reset_seconds(&self) -> u64 {
        seconds_up(self.reset)
    }

    /// [`LimitDecision::retry_after`] in whole seconds, rounded up, one at least.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after.map(|wait| seconds_up(wait).max(1))
    }

    /// `standing` is asked once for each counter, in the order in which the request names them.
    pub(crate) fn of(
        request: &LimitRequest,
        admitted: bool,
        mut standing: impl FnMut(&Counter) -> CounterState,
    ) -> Self {
        let verdict = match (request.larger_than_limit(), admitted) {
            (true, _) => LimitVerdict::LargerThanLimit,
            (false, true) => LimitVerdict::Allowed,
            (false, false) => LimitVerdict::Limited,
        };
        let looseness = |(counter, standing): &(&Counter, CounterState)| match verdict {
            LimitVerdict::LargerThanLimit => (counter.rate.permits, Reverse(Duration::ZERO)),
            LimitVerdict::Allowed => (standing.remaining, Reverse(standing.reset)),
            LimitVerdict::Limited => (u32::from(standing.room), Reverse(standing.reset)),
        };
        let first = (&request.first, standing(&request.first));
        let others = request.others.iter().map(|counter| (counter, standing(counter)));
        let (counter, standing) =
            others.fold(first, |a, b| if looseness(&b) < looseness(&a) { b } else { a });
        Self {
            verdict,
            counter: counter.clone(),
            remaining: standing.remaining,
            reset: standing.reset,
            retry_after: (verdict == LimitVerdict::Limited).then_some(standing.reset),
        }
    }
}

/// How one counter stands after a request was judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CounterState {
    /// Whether this counter could have given the permits.
    pub(crate) room: bool,
    pub(crate) remaining: u32,
    /// Until the window ends; zero if none is open.
    pub(crate) reset: Duration,
}

fn seconds_up(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
