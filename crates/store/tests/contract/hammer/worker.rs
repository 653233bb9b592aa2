//! One of eight: commits batches, some of what is in them for the second time, and suppresses somebody now and then.

use std::sync::Arc;
use std::time::Instant;

use leadgate_domain::{Judge, NormalizedSubmission, SuppressionKind};
use rand::RngExt as _;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom as _;

use super::told::{self, Told};
use super::{Anvil, Done, KEYS, SUPPRESSED, check};
use crate::hooked::Hooked;
use crate::races::suppression;

const LARGEST_BATCH: usize = 60;
const REDELIVERED: f64 = 0.2;
/// Somebody is suppressed, and the claims are looked at, once in so many commits.
const SELDOM: usize = 5;

pub(super) async fn work(anvil: &Arc<Anvil>, seed: u64, mut dice: SmallRng) {
    // What came in is worked on in another order than it came.
    let mut waiting: Vec<Told> = Vec::new();
    while Instant::now() < anvil.until {
        let batch = batch(anvil, &mut waiting, &mut dice);
        if commit(anvil, seed, &batch).await.is_multiple_of(SELDOM) {
            suppress(anvil, &mut dice).await;
            check::claims_stay(anvil);
        }
    }
    while !waiting.is_empty() {
        let rest = waiting.split_off(waiting.len().saturating_sub(LARGEST_BATCH));
        commit(anvil, seed, &rest).await;
    }
}

fn batch(anvil: &Anvil, waiting: &mut Vec<Told>, dice: &mut SmallRng) -> Vec<Told> {
    // Large ones meet in many keys and wait for each other; small ones meet in one lead by different keys.
    let largest = if dice.random_bool(0.7) { 4 } else { LARGEST_BATCH };
    let size = dice.random_range(1..=largest);
    let mut all = anvil.all.lock().unwrap();
    while waiting.len() < size * 2 {
        let told = Told::new(&anvil.world, dice);
        all.push(told);
        waiting.push(told);
    }
    waiting.shuffle(dice);
    let one = |_| match dice.random_bool(REDELIVERED) {
        // Anybody's, settled long ago or in somebody's hands this moment.
        true => all[dice.random_range(0..all.len())],
        false => waiting.pop().unwrap(),
    };
    (0..size).map(one).collect()
}

/// As a worker does it: a batch is held while the store is in trouble. The number of this commit among all.
async fn commit(anvil: &Arc<Anvil>, seed: u64, batch: &[Told]) -> usize {
    let (world, done) = (&anvil.world, &anvil.done);
    let normalize = |told: &Told| world.normalize_by(&anvil.source, told.submission(&anvil.source));
    let batch: Arc<[NormalizedSubmission]> = batch.iter().map(normalize).collect();
    let counting = Arc::clone(anvil);
    let judge: Arc<dyn Judge> = Hooked::judge(world.judge(), move |_| {
        Done::add(&counting.done.judged, 1);
    });
    let store = if seed.is_multiple_of(2) { &world.store } else { &anvil.other };
    let committed = loop {
        match store.commit(Arc::clone(&batch), Arc::clone(&judge)).await {
            Err(error) if error.is_transient() => {
                Done::add(&done.holds, 1);
            }
            settled => break settled.unwrap(),
        }
    };
    assert_eq!((committed.reused, committed.settled.len() + committed.repeated), (0, batch.len()));
    Done::add(&done.settled, committed.settled.len());
    Done::add(&done.repeated, committed.repeated);
    Done::add(&done.commits, 1)
}

async fn suppress(anvil: &Anvil, dice: &mut SmallRng) {
    let phone = told::phone(dice.random_range(0..KEYS));
    let fits = {
        let mut suppressed = anvil.suppressed.lock().unwrap();
        suppressed.len() < SUPPRESSED && suppressed.insert(phone.clone())
    };
    if fits {
        let world = &anvil.world;
        let entry = suppression(world, SuppressionKind::Phone, &phone).await;
        world.store.suppress(world.organization.id, vec![entry], world.judge()).await.unwrap();
        Done::add(&anvil.done.entries, 1);
    }
}
