//! Stress test: eight workers with 200 keys, two seconds for each policy (`LEADGATE_TEST_HAMMER_SECONDS` sets
//! another duration). Afterwards every invariant is checked on the stored rows.

mod check;
mod test_submission;
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
use test_submission::TestSubmission;

over_both!(
    return_existing_keeps_every_invariant,
    update_keeps_every_invariant,
    link_keeps_every_invariant,
    create_keeps_every_invariant,
);

const WORKERS: u64 = 8;
/// Of each kind: 100 external ids and 100 phones.
const KEYS: u16 = 100;
const SUPPRESSED: usize = 40;

async fn return_existing_keeps_every_invariant(world: World) {
    hammer(world, DuplicatePolicy::ReturnExisting).await;
}

async fn update_keeps_every_invariant(world: World) {
    hammer(world, DuplicatePolicy::Update).await;
}

async fn link_keeps_every_invariant(world: World) {
    hammer(world, DuplicatePolicy::Link).await;
}

async fn create_keeps_every_invariant(world: World) {
    hammer(world, DuplicatePolicy::Create).await;
}

/// The state that all workers share.
struct SharedState {
    world: World,
    /// A second store on the same database, like that of a second process.
    second_store: Store,
    source: Arc<Source>,
    match_key: MatchKey,
    deadline: Instant,
    /// All submissions.
    submissions: Mutex<Vec<TestSubmission>>,
    suppressed: Mutex<BTreeSet<String>>,
    /// The lead to which each key belonged when it was first read.
    first_owners: Mutex<BTreeMap<String, LeadId>>,
    counters: Counters,
}

#[derive(Default)]
struct Counters {
    commits: AtomicUsize,
    /// How often a commit called its judge: once, unless its transaction was retried.
    judged: AtomicUsize,
    /// How often the store was unavailable and the worker retried the batch.
    retries: AtomicUsize,
    settled: AtomicUsize,
    repeated: AtomicUsize,
    entries: AtomicUsize,
    moved: AtomicUsize,
}

impl Counters {
    fn add(count: &AtomicUsize, more: usize) -> usize {
        count.fetch_add(more, Ordering::Relaxed) + more
    }
}

fn duration() -> Duration {
    let seconds = std::env::var("LEADGATE_TEST_HAMMER_SECONDS").ok();
    Duration::from_secs(seconds.map_or(2, |seconds| seconds.parse().unwrap()))
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
    let shared = Arc::new(SharedState {
        second_store: Store::open(&world.config).unwrap(),
        match_key: world.store.match_key().await.unwrap(),
        source,
        deadline: Instant::now() + duration(),
        submissions: Mutex::default(),
        suppressed: Mutex::default(),
        first_owners: Mutex::default(),
        counters: Counters::default(),
        world,
    });
    let mut workers = JoinSet::new();
    for seed in 0..WORKERS {
        let shared = Arc::clone(&shared);
        workers.spawn(async move { worker::work(&shared, seed, SmallRng::seed_from_u64(seed)).await });
    }
    workers.join_all().await;
    let violations = check::violations(&shared, policy).await;
    let Counters { commits, judged, retries, settled, repeated, entries, .. } = &shared.counters;
    let count = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    let database = shared.world.config.url.split(':').next().unwrap();
    println!(
        "{database} {policy}: {} commits, {} submissions and {} redeliveries in {:?}, {} transactions retried, \
         {} deadlocks, {} batches retried, {} suppressed meanwhile, {} violations",
        count(commits),
        count(settled),
        count(repeated),
        duration(),
        count(judged) - count(commits),
        check::deadlocks(&shared),
        count(retries),
        count(entries),
        violations.len(),
    );
    assert!(count(settled) > 0 && count(repeated) > 0 && count(entries) > 0, "the workers did nothing");
    assert_eq!(violations.iter().take(20).collect::<Vec<_>>(), Vec::<&String>::new());
}
