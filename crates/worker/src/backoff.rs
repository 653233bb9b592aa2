//! How long a batch is held while the database is in trouble, and how long a lane pauses after it gave one back.

use std::time::{Duration, Instant};

/// How long a whole batch may be held, whatever parts it is committed in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryDeadline {
    since: Instant,
    most: Duration,
}

impl RetryDeadline {
    pub(crate) fn new(most: Duration) -> Self {
        Self { since: Instant::now(), most }
    }

    pub(crate) fn is_expired(&self) -> bool {
        self.elapsed() >= self.most
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }
}

/// Pauses that double up to a limit, with jitter, so that workers do not come back in step.
#[derive(Debug)]
pub(crate) struct BackoffDelay {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl BackoffDelay {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// Half to all of the pause that is due.
    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        pause.mul_f64(rand::random_range(0.5..=1.0))
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
    fn pauses_double_up_to_the_longest_and_begin_anew() {
        let second = Duration::from_secs(1);
        let mut pauses = BackoffDelay::new(second, second * 3);
        for most in [1, 2, 3, 3].map(|n| second * n) {
            let pause = pauses.next();
            assert!(pause >= most / 2 && pause <= most, "{pause:?} of {most:?}");
        }
        pauses.reset();
        assert!(pauses.is_first() && pauses.next() <= second);
    }
}
