//! A random number generator that gives the same numbers for the same seed.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

#[derive(Debug)]
pub(super) struct SeededRandom(StdRng);

impl SeededRandom {
    pub(super) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// True with a probability of `percent`.
    pub(super) fn chance(&mut self, percent: u32) -> bool {
        self.0.random_ratio(percent.min(100), 100)
    }

    /// A number below `limit`; 0 if `limit` is 0.
    pub(super) fn random_below(&mut self, limit: usize) -> usize {
        self.0.random_range(0..limit.max(1))
    }

    /// One of the choices, which must not be empty.
    #[expect(clippy::indexing_slicing, reason = "all lists of choices are constants of this module")]
    pub(super) fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.random_below(choices.len())]
    }

    pub(super) fn pick(&mut self, choices: &[&'static str]) -> &'static str {
        self.one_of::<&'static str>(choices)
    }

    /// Replaces each `#` of a pattern with a random digit.
    pub(super) fn digits(&mut self, pattern: &str) -> String {
        pattern
            .chars()
            .map(|c| if c == '#' { char::from(b'0' + self.0.random_range(0..10)) } else { c })
            .collect()
    }
}
