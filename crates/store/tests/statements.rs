//! How many statements a batch costs, and that each is prepared once per connection.
//!
//! A binary of its own: diesel's instrumentation watches the whole process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(dead_code, unused_macros, unused_imports, reason = "the world is the contract suite's")]

#[path = "contract/world.rs"]
mod world;

use std::collections::BTreeSet;
use std::sync::Mutex;

use diesel::connection::{InstrumentationEvent, set_default_instrumentation};
use leadgate_domain::mapping::{MappingFault, MappingFaultCode};
use leadgate_domain::{Outcome, QuarantineRelease, Submission};
use leadgate_store::StoreConfig;
use world::World;

#[derive(Default)]
struct Seen {
    run: Vec<String>,
    prepared: Vec<String>,
}

static SEEN: Mutex<Seen> = Mutex::new(Seen { run: Vec::new(), prepared: Vec::new() });

fn see(event: InstrumentationEvent<'_>) {
    let mut seen = SEEN.lock().unwrap();
    match event {
        InstrumentationEvent::StartQuery { query, .. } => {
            let text = query.to_string();
            seen.run.push(text.split(" -- binds").next().unwrap_or_default().trim().to_owned());
        }
        InstrumentationEvent::CacheQuery { sql, .. } => seen.prepared.push(sql.trim().to_owned()),
        _ => {}
    }
}

fn seen() -> Seen {
    std::mem::take(&mut *SEEN.lock().unwrap())
}

/// Commits `size` new leads, then `size` that meet them.
async fn commit(world: &World, size: usize, from: usize) -> Vec<Seen> {
    let phone = |n: usize| format!("+1415555{:04}", from + n);
    let mut all = Vec::new();
    for outcome in [Outcome::Created, Outcome::Duplicate] {
        let batch: Vec<_> = (0..size).map(|n| world.phone(&phone(n))).collect();
        seen();
        let committed = world.commit(&batch).await;
        all.push(seen());
        assert!(committed.settled.iter().all(|settled| settled.outcome == outcome));
    }
    all
}

async fn a_batch_costs_the_same_whatever_its_size(world: &World) {
    let small = commit(world, 1, 0).await;
    let large = commit(world, 500, 1_000).await;
    for (small, large) in small.iter().zip(&large) {
        assert_eq!(small.run, large.run);
        assert!(small.run.len() <= 13, "BEGIN, COMMIT, a ping and ten steps: {:#?}", small.run);
        assert_eq!(large.prepared, [""; 0], "everything was prepared before");
    }
    let prepared: BTreeSet<_> = small.iter().flat_map(|seen| &seen.prepared).collect();
    let not_prepared = small
        .iter()
        .flat_map(|seen| &seen.run)
        .filter(|text| !prepared.contains(text))
        .collect::<BTreeSet<_>>();
    let plain = ["BEGIN", "BEGIN IMMEDIATE", "COMMIT", "SELECT 1"];
    // The ping of PostgreSQL was prepared with the connection.
    let is_known = |text: &&String| plain.contains(&text.as_str()) || text.contains("leadgate.session");
    assert!(not_prepared.iter().all(is_known), "{not_prepared:#?}");
}

/// Releases `size` submissions that were kept aside.
async fn release(world: &World, size: usize) -> Seen {
    let aside: Vec<_> = (0..size)
        .map(|n| {
            let fault = MappingFault { to: "phone".into(), code: MappingFaultCode::Missing };
            Submission { mapping_fault: Some(fault), ..world.phone(&format!("+1415556{:04}", size + n)) }
        })
        .collect();
    world.commit(&aside).await;
    let released = |one: Submission| {
        let release = Some(QuarantineRelease { entry: one.id.as_uuid(), released_at: one.received_at });
        Submission { mapping_fault: None, release, ..one }
    };
    let batch: Vec<_> = aside.into_iter().map(released).collect();
    seen();
    let committed = world.commit(&batch).await;
    assert_eq!(committed.settled.len(), size);
    seen()
}

async fn releases_cost_the_same_however_many(world: &World) {
    let (small, large) = (release(world, 1).await, release(world, 500).await);
    assert_eq!(small.run, large.run);
}

async fn a_consent_costs_two_statements_however_many(world: &World) {
    let commit = async |size: usize, from: usize| {
        let one =
            |n| world.consenting(&format!("+1415557{:04}", from + n), &format!("p{}@example.com", from + n));
        let batch: Vec<_> = (0..size).map(one).collect();
        seen();
        world.commit(&batch).await;
        seen().run
    };
    let (small, large) = (commit(1, 0).await, commit(500, 1_000).await);
    assert_eq!(small, large);
    let about = |text: &&String| text.contains("INTO consents") || text.contains("INTO consent_people");
    assert_eq!(small.iter().filter(about).count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_costs_the_same_over_both() {
    set_default_instrumentation(|| Some(Box::new(see))).unwrap();
    let one = |url: String| StoreConfig { pool_size: 1, ..StoreConfig::worker(url) };
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("store.db").display());
    let sqlite = World::at(one(url), folder).await;
    let url = world::postgres().await.database().await.unwrap();
    let postgres = World::at(one(url), tempfile::tempdir().unwrap()).await;
    for world in [sqlite, postgres] {
        a_batch_costs_the_same_whatever_its_size(&world).await;
        releases_cost_the_same_however_many(&world).await;
        a_consent_costs_two_statements_however_many(&world).await;
    }
}
