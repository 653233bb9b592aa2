//! Measures the most expensive scorings: `cargo run --release -p leadgate-domain --example scoring_cost`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::indexing_slicing)]

#[path = "../tests/scoring_cost/worst.rs"]
mod worst;

use std::time::Instant;

fn main() {
    for worst in worst::worst() {
        let mut times: Vec<_> = (0..21)
            .map(|_| {
                let started = Instant::now();
                std::hint::black_box(worst.scoring.score(&worst.lead));
                started.elapsed()
            })
            .collect();
        times.sort();
        println!("{:<30} median {:>9.1?}  worst {:>9.1?}", worst.name, times[10], times[20]);
    }
}
