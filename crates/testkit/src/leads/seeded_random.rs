//! Chance that comes out the same each time.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

#[derive(Debug)]
pub(super) struct SeededRandom(StdRng);

impl SeededRandom {
    pub(super) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// True this many times out of a hundred.
    pub(super) fn chance(&mut self, percent: u32) -> bool {
        self.0.random_ratio(percent.min(100), 100)
    }

    /// A number below `limit`; 0 where there is none.
    pub(super) fn random_below(&mut self, limit: usize) -> usize {
        self.0.random_range(0..limit.max(1))
    }

    /// One of the choices, of which there is at least one.
    #[expect(
        clippy::indexing_slicing,
        reason = "every list of choices is a constant of this module's neighbours"
    )]
    pub(super) fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.random_below(choices.len())]
    }

    pub(super) fn pick(&mut self, choices: &[&'static str]) -> &'static str {
        self.one_of::<&'static str>(choices)
    }

    /// The pattern with a digit for each `#`.
    pub(super) fn digits(&mut self, pattern: &str) -> String {
        pattern
            .chars()
            .map(|c| if c == '#' { char::from(b'0' + self.0.random_range(0..10)) } else { c })
            .collect()
    }
}
