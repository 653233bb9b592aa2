//! Time limit of the retries of a batch, and increasing delays between retries.

use std::time::{Duration, Instant};

/// The time limit for the retries of a batch. All parts of the batch share it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryDeadline {
    since: Instant,
    max: Duration,
}

impl RetryDeadline {
    pub(crate) fn new(max: Duration) -> Self {
        Self { since: Instant::now(), max }
    }

    pub(crate) fn is_expired(&self) -> bool {
        self.elapsed() >= self.max
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }
}

/// Delays that double up to a limit. They have jitter, so that workers do not retry at the same time.
#[derive(Debug)]
pub(crate) struct BackoffDelay {
    first: Duration,
    max: Duration,
    next: Duration,
}

impl BackoffDelay {
    pub(crate) fn new(first: Duration, max: Duration) -> Self {
        Self { first, max, next: first }
    }

    /// Returns a random delay between one half and the whole of the current one, and doubles the current one.
    pub(crate) fn next(&mut self) -> Duration {
        let delay = self.next;
        self.next = (delay * 2).min(self.max);
        delay.mul_f64(rand::random_range(0.5..=1.0))
    }

    pub(crate) fn is_first(&self) -> bool {
        self.next == self.first
    }

    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_limit_and_can_be_reset() {
        let second = Duration::from_secs(1);
        let mut backoff = BackoffDelay::new(second, second * 3);
        for max in [1, 2, 3, 3].map(|n| second * n) {
            let delay = backoff.next();
            assert!(delay >= max / 2 && delay <= max, "{delay:?} of {max:?}");
        }
        backoff.reset();
        assert!(backoff.is_first() && backoff.next() <= second);
    }
}
