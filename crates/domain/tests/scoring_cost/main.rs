//! No scoring takes long over any lead: it runs while the lead's organization is locked.

#![allow(clippy::unwrap_used, clippy::panic)]

mod worst;

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// What a debug build may take: 20 to 200 times what it does take. The processor's time of this thread counts, so
/// that other work on the machine does not.
const MOST: Duration = Duration::from_secs(2);

#[test]
fn the_worst_scoring_over_the_worst_lead_is_quick() {
    for worst in worst::worst() {
        let started = used();
        let score = worst.scoring.score(&worst.lead);
        let taken = used().saturating_sub(started);
        assert!(taken < MOST, "{}: {taken:?}", worst.name);
        std::hint::black_box(score);
    }
}

fn used() -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(tv_sec.unsigned_abs(), u32::try_from(tv_nsec).unwrap_or_default())
}
