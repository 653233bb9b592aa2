//! The most expensive scorings are fast enough. A scoring runs while the organization of the lead is locked.

#![allow(clippy::unwrap_used, clippy::panic)]

mod worst;

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// The limit for a debug build: 20 to 200 times the usual time. The CPU time of the thread is measured, so
/// that other work on the machine does not count.
const MAX_CPU_TIME: Duration = Duration::from_secs(2);

#[test]
fn the_most_expensive_scorings_are_fast() {
    for worst in worst::worst() {
        let started = cpu_time();
        let score = worst.scoring.score(&worst.lead);
        let elapsed = cpu_time().saturating_sub(started);
        assert!(elapsed < MAX_CPU_TIME, "{}: {elapsed:?}", worst.name);
        std::hint::black_box(score);
    }
}

fn cpu_time() -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(tv_sec.unsigned_abs(), u32::try_from(tv_nsec).unwrap_or_default())
}
