//! A clock that never goes backwards.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::Timestamp;

/// The system clock, but never earlier than a time that it returned before. So the later of two submissions
/// wins, even if the system clock is set back between them. Then this clock stands still until the system
/// clock has caught up.
#[derive(Debug)]
pub struct MonotonicClock(AtomicI64);

impl MonotonicClock {
    pub const fn new() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }

    pub fn now(&self) -> Timestamp {
        self.at_least(Timestamp::now())
    }

    /// The result of [`MonotonicClock::now`] without remembering it.
    pub fn peek(&self) -> Timestamp {
        self.peek_at(Timestamp::now())
    }

    fn peek_at(&self, now: Timestamp) -> Timestamp {
        let latest = self.0.load(Ordering::Relaxed);
        Timestamp::from_microseconds(latest.max(now.as_microseconds()))
    }

    /// The later of `now` and the latest remembered time. The result is remembered.
    pub fn at_least(&self, now: Timestamp) -> Timestamp {
        let latest = self.0.fetch_max(now.as_microseconds(), Ordering::Relaxed);
        Timestamp::from_microseconds(latest.max(now.as_microseconds()))
    }
}

impl Default for MonotonicClock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_stands_still() {
        let clock = MonotonicClock::new();
        let [noon, before, after] = [12_000_000, 7_000_000, 12_000_001].map(Timestamp::from_microseconds);
        assert_eq!(clock.at_least(noon), noon);
        assert_eq!(clock.at_least(before), noon, "five seconds back");
        assert_eq!(clock.at_least(after), after);
        assert_eq!(clock.peek_at(before), after);
        let later = Timestamp::from_microseconds(13_000_000);
        assert_eq!(clock.peek_at(later), later);
        assert_eq!(clock.at_least(before), after, "peek does not remember a time");
        assert!(clock.now() > after);
    }
}
