//! How long to wait before trying again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);
/// A connection that lasted this long was a good one: the next attempt is made at once.
const GOOD: Duration = Duration::from_secs(5);

/// At once, then after 0.1 s, doubling up to 5 s, each spread by a third so that gateways do not come
/// back in step.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    attempts: u32,
}

impl Backoff {
    pub(crate) fn next(&mut self) -> Duration {
        let attempts = self.attempts;
        self.attempts = attempts.saturating_add(1);
        let Some(doublings) = attempts.checked_sub(1) else { return Duration::ZERO };
        FIRST.saturating_mul(1 << doublings.min(10)).min(LONGEST).mul_f64(rand::random_range(0.67..1.33))
    }

    /// Goes straight to the longest wait: what is wrong waits for somebody to repair it.
    pub(crate) fn exhaust(&mut self) {
        self.attempts = u32::MAX;
    }

    /// Notes how long the last attempt lasted; returns whether that was a good one.
    pub(crate) fn lasted(&mut self, time: Duration) -> bool {
        let good = time > GOOD;
        if good {
            self.attempts = 0;
        }
        good
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_bounded() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.next(), Duration::ZERO);
        assert!(backoff.next() < Duration::from_millis(200));
        for _ in 0..100 {
            assert!(backoff.next() < Duration::from_secs(7));
        }
        assert!(backoff.next() > Duration::from_secs(3));
        assert!(!backoff.lasted(Duration::from_secs(1)));
        assert!(backoff.next() > Duration::from_secs(3));
        assert!(backoff.lasted(Duration::from_secs(10)));
        assert_eq!(backoff.next(), Duration::ZERO);
    }
}
