//! The rate of attempts of an endpoint.

use std::time::Duration;

use leadgate_domain::Rate;
use tokio::time::Instant;

/// Allows attempts at a rate: those of one second at once, and no more than the rate in the long run.
pub(crate) struct AttemptPace {
    rate: Option<Rate>,
    /// The time up to which attempts are used.
    used_to: Instant,
}

impl AttemptPace {
    /// One attempt may start at once.
    pub(crate) fn new(rate: Option<Rate>, now: Instant) -> Self {
        let first = rate.map_or(Duration::ZERO, each);
        Self { rate, used_to: now.checked_sub(first).unwrap_or(now) }
    }

    /// How long until an attempt may start.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        self.rate.map_or(Duration::ZERO, |rate| (self.used_to + each(rate)).saturating_duration_since(now))
    }

    /// Uses another rate from now on.
    pub(crate) fn set_rate(&mut self, rate: Option<Rate>) {
        self.rate = rate;
    }

    /// How many attempts may start now.
    pub(crate) fn available(&self, now: Instant) -> usize {
        let Some(each) = self.rate.map(each) else { return usize::MAX };
        let free = now.saturating_duration_since(self.start(each, now)).as_nanos() / each.as_nanos();
        usize::try_from(free).unwrap_or(usize::MAX)
    }

    /// Counts attempts that start now.
    pub(crate) fn spend(&mut self, attempts: usize, now: Instant) {
        let Some(each) = self.rate.map(each) else { return };
        self.used_to = self.start(each, now) + each * u32::try_from(attempts).unwrap_or(u32::MAX);
    }

    /// Unused time is saved for a second, or for one attempt.
    fn start(&self, each: Duration, now: Instant) -> Instant {
        let saved = each.max(Duration::from_secs(1));
        self.used_to.max(now.checked_sub(saved).unwrap_or(now))
    }
}

/// The time between two attempts.
fn each(rate: Rate) -> Duration {
    (rate.window / rate.permits.max(1)).max(Duration::from_nanos(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_spread_over_the_window() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let take = |pace: &mut AttemptPace, wanted: usize, now: Instant| {
            let granted = pace.available(now).min(wanted);
            pace.spend(granted, now);
            granted
        };
        let mut pace = AttemptPace::new(Some("60/min".parse().unwrap()), start);
        assert_eq!(pace.wait(start), Duration::ZERO);
        assert_eq!((take(&mut pace, 10, start), take(&mut pace, 10, start)), (1, 0));
        assert_eq!(pace.wait(start), Duration::from_secs(1));
        assert_eq!(take(&mut pace, 10, after(3)), 1, "unused time is not saved");
        assert_eq!((4..64).map(|second| take(&mut pace, 10, after(second))).sum::<usize>(), 60);
        let mut fast = AttemptPace::new(Some("100/s".parse().unwrap()), start);
        assert_eq!((take(&mut fast, 1_000, after(5)), take(&mut fast, 30, after(5))), (100, 0));
        let mut hourly = AttemptPace::new(Some("1/h".parse().unwrap()), start);
        hourly.spend(0, start);
        assert_eq!((hourly.available(start), take(&mut hourly, 1, start)), (1, 1), "looking costs nothing");
        assert_eq!(hourly.wait(after(60)), Duration::from_secs(3_540));
        assert_eq!(take(&mut AttemptPace::new(None, start), 7, start), 7);
    }
}
