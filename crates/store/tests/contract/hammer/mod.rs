//! Eight workers over 200 keys, for two seconds under each policy; `LEADGATE_TEST_HAMMER_SECONDS` says for how many
//! else. What they leave behind is held against every invariant.

mod check;
mod told;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use leadgate_domain::secret::MatchKey;
use leadgate_domain::{DuplicatePolicy, LeadId, Source, SourceId, SourceSettings};
use leadgate_store::Store;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use tokio::task::JoinSet;

use crate::world::{World, over_both};
use told::Told;

over_both!(
    under_return_existing_nothing_is_violated,
    under_update_nothing_is_violated,
    under_link_nothing_is_violated,
    under_create_nothing_is_violated,
);

const WORKERS: u64 = 8;
/// Of each kind: 100 external ids and 100 phones.
const KEYS: u16 = 100;
const SUPPRESSED: usize = 40;

async fn under_return_existing_nothing_is_violated(world: World) {
    hammer(world, DuplicatePolicy::ReturnExisting).await;
}

async fn under_update_nothing_is_violated(world: World) {
    hammer(world, DuplicatePolicy::Update).await;
}

async fn under_link_nothing_is_violated(world: World) {
    hammer(world, DuplicatePolicy::Link).await;
}

async fn under_create_nothing_is_violated(world: World) {
    hammer(world, DuplicatePolicy::Create).await;
}

/// What the workers share.
struct Anvil {
    world: World,
    /// A second process, as far as a database can tell.
    other: Store,
    source: Arc<Source>,
    matching: MatchKey,
    until: Instant,
    /// Everything that was submitted.
    all: Mutex<Vec<Told>>,
    suppressed: Mutex<BTreeSet<String>>,
    /// Who held each key at some time.
    held: Mutex<BTreeMap<String, LeadId>>,
    done: Done,
}

#[derive(Default)]
struct Done {
    commits: AtomicUsize,
    /// How often a commit got as far as its judge: once for each, unless its transaction was run again.
    judged: AtomicUsize,
    /// How often the store was in trouble and the batch was held.
    holds: AtomicUsize,
    settled: AtomicUsize,
    repeated: AtomicUsize,
    entries: AtomicUsize,
    moved: AtomicUsize,
}

impl Done {
    fn add(count: &AtomicUsize, more: usize) -> usize {
        count.fetch_add(more, Ordering::Relaxed) + more
    }
}

fn duration() -> Duration {
    let said = std::env::var("LEADGATE_TEST_HAMMER_SECONDS").ok();
    Duration::from_secs(said.map_or(2, |said| said.parse().unwrap()))
}

async fn source(world: &World, policy: DuplicatePolicy) -> Arc<Source> {
    let identity = "any_of:external_id,phone".parse().unwrap();
    let settings =
        SourceSettings { policy: Some(policy), identity: Some(identity), ..SourceSettings::default() };
    let mut source =
        Source { id: SourceId::generate(), name: Some("hammer".into()), ..Source::clone(&world.source) };
    settings.apply(&mut source).unwrap();
    world.store.create_source(&source).await.unwrap();
    Arc::new(source)
}

async fn hammer(world: World, policy: DuplicatePolicy) {
    let source = source(&world, policy).await;
    let anvil = Arc::new(Anvil {
        other: Store::open(&world.config).unwrap(),
        matching: world.store.match_key().await.unwrap(),
        source,
        until: Instant::now() + duration(),
        all: Mutex::default(),
        suppressed: Mutex::default(),
        held: Mutex::default(),
        done: Done::default(),
        world,
    });
    let mut workers = JoinSet::new();
    for seed in 0..WORKERS {
        let anvil = Arc::clone(&anvil);
        workers.spawn(async move { worker::work(&anvil, seed, SmallRng::seed_from_u64(seed)).await });
    }
    workers.join_all().await;
    let violations = check::all(&anvil, policy).await;
    let Done { commits, judged, holds, settled, repeated, entries, .. } = &anvil.done;
    let count = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    let shape = anvil.world.config.url.split(':').next().unwrap();
    println!(
        "{shape} {policy}: {} commits, {} submissions and {} redelivered in {:?}, {} run again, {} deadlocks, {} held, \
         {} suppressed meanwhile, {} violations",
        count(commits),
        count(settled),
        count(repeated),
        duration(),
        count(judged) - count(commits),
        check::deadlocks(&anvil),
        count(holds),
        count(entries),
        violations.len(),
    );
    assert!(count(settled) > 0 && count(repeated) > 0 && count(entries) > 0, "nothing was hammered");
    assert_eq!(violations.iter().take(20).collect::<Vec<_>>(), Vec::<&String>::new());
}
