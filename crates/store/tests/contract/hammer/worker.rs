//! A worker of the stress test: it commits batches, redelivers some submissions, and sometimes suppresses a
//! phone.

use std::sync::Arc;
use std::time::Instant;

use leadgate_domain::{Judge, NormalizedSubmission, SuppressionKind};
use rand::RngExt as _;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom as _;

use super::test_submission::{self, TestSubmission};
use super::{Counters, KEYS, SUPPRESSED, SharedState, check};
use crate::hooked_judge::HookedJudge;
use crate::races::suppression;

const MAX_BATCH: usize = 60;
const REDELIVERY_RATE: f64 = 0.2;
/// A worker suppresses a phone and checks the claims once in this number of commits.
const COMMITS_PER_SUPPRESSION: usize = 5;

pub(super) async fn work(shared: &Arc<SharedState>, seed: u64, mut random: SmallRng) {
    // Submissions are processed in another order than they were received.
    let mut waiting: Vec<TestSubmission> = Vec::new();
    while Instant::now() < shared.deadline {
        let batch = batch(shared, &mut waiting, &mut random);
        if commit(shared, seed, &batch).await.is_multiple_of(COMMITS_PER_SUPPRESSION) {
            suppress(shared, &mut random).await;
            check::count_moved_claims(shared);
        }
    }
    while !waiting.is_empty() {
        let rest = waiting.split_off(waiting.len().saturating_sub(MAX_BATCH));
        commit(shared, seed, &rest).await;
    }
}

fn batch(
    shared: &SharedState,
    waiting: &mut Vec<TestSubmission>,
    random: &mut SmallRng,
) -> Vec<TestSubmission> {
    // Large batches share many keys and wait for each other. Small ones change the same lead by different
    // keys.
    let largest = if random.random_bool(0.7) { 4 } else { MAX_BATCH };
    let size = random.random_range(1..=largest);
    let mut all = shared.submissions.lock().unwrap();
    while waiting.len() < size * 2 {
        let submission = TestSubmission::new(&shared.world, random);
        all.push(submission);
        waiting.push(submission);
    }
    waiting.shuffle(random);
    let next = |_| match random.random_bool(REDELIVERY_RATE) {
        // Any earlier submission. It may be settled, or another worker may be committing it at this moment.
        true => all[random.random_range(0..all.len())],
        false => waiting.pop().unwrap(),
    };
    (0..size).map(next).collect()
}

/// Commits a batch like a worker, which retries it while the store is unavailable. Returns the number of all
/// commits.
async fn commit(shared: &Arc<SharedState>, seed: u64, batch: &[TestSubmission]) -> usize {
    let (world, counters) = (&shared.world, &shared.counters);
    let normalize = |submission: &TestSubmission| {
        world.normalize_by(&shared.source, submission.submission(&shared.source))
    };
    let batch: Arc<[NormalizedSubmission]> = batch.iter().map(normalize).collect();
    let judging = Arc::clone(shared);
    let judge: Arc<dyn Judge> = HookedJudge::judge(world.judge(), move |_| {
        Counters::add(&judging.counters.judged, 1);
    });
    let store = if seed.is_multiple_of(2) { &world.store } else { &shared.second_store };
    let committed = loop {
        match store.commit(Arc::clone(&batch), Arc::clone(&judge)).await {
            Err(error) if error.is_transient() => {
                Counters::add(&counters.retries, 1);
            }
            result => break result.unwrap(),
        }
    };
    assert_eq!((committed.reused, committed.settled.len() + committed.repeated), (0, batch.len()));
    Counters::add(&counters.settled, committed.settled.len());
    Counters::add(&counters.repeated, committed.repeated);
    Counters::add(&counters.commits, 1)
}

async fn suppress(shared: &SharedState, random: &mut SmallRng) {
    let phone = test_submission::phone(random.random_range(0..KEYS));
    let fits = {
        let mut suppressed = shared.suppressed.lock().unwrap();
        suppressed.len() < SUPPRESSED && suppressed.insert(phone.clone())
    };
    if fits {
        let world = &shared.world;
        let entry = suppression(world, SuppressionKind::Phone, &phone).await;
        world.store.suppress(world.organization.id, vec![entry], world.judge()).await.unwrap();
        Counters::add(&shared.counters.entries, 1);
    }
}
