//! A clock that never goes back.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::Timestamp;

/// The machine's clock, but never earlier than it said before: the later of two submissions wins, also when the
/// machine's clock is set back between them. Then time stands still until the machine's clock has caught up.
#[derive(Debug)]
pub struct MonotonicClock(AtomicI64);

impl MonotonicClock {
    pub const fn new() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }

    pub fn now(&self) -> Timestamp {
        self.at_least(Timestamp::now())
    }

    /// What [`MonotonicClock::now`] would give. It is not remembered.
    pub fn peek(&self) -> Timestamp {
        self.peek_at(Timestamp::now())
    }

    fn peek_at(&self, now: Timestamp) -> Timestamp {
        let latest = self.0.load(Ordering::Relaxed);
        Timestamp::from_microseconds(latest.max(now.as_microseconds()))
    }

    /// `now`, or the latest time that was given so far. From now on it is no earlier than that.
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
        assert_eq!(clock.at_least(before), after, "a time that was only looked at is not remembered");
        assert!(clock.now() > after);
    }
}
