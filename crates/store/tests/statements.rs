//! The number of statements per batch. Each statement is prepared once per connection.
//!
//! On PostgreSQL a batch takes the same statements whatever its size. SQLite is a part of this process: there a
//! prepared statement runs once for each row, and the number of different statements is constant.
//!
//! These tests have their own binary, because diesel's instrumentation applies to the whole process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(dead_code, unused_macros, unused_imports, reason = "the contract suite uses all of it")]

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

/// What a batch runs: on SQLite, statements for further rows are left out, and lists of values are cut.
fn steps(seen: &Seen, is_sqlite: bool) -> Vec<String> {
    let mut steps: Vec<String> = Vec::new();
    for text in &seen.run {
        let text = if is_sqlite { text.replace("?, ", "").replace("(?), ", "") } else { text.clone() };
        if !is_sqlite || !steps.contains(&text) {
            steps.push(text);
        }
    }
    steps
}

/// Commits `size` new leads, then `size` duplicates of them.
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

async fn the_number_of_statements_does_not_depend_on_the_batch_size(world: &World) {
    let small = commit(world, 1, 0).await;
    let large = commit(world, 500, 1_000).await;
    for (small, large) in small.iter().zip(&large) {
        let (small, prepared) = (steps(small, world.is_sqlite()), &large.prepared);
        assert_eq!(small, steps(large, world.is_sqlite()));
        assert!(small.len() <= 11, "BEGIN with locks, COMMIT, a ping and eight steps: {small:#?}");
        assert_eq!(*prepared, [""; 0], "all statements were prepared before");
    }
    let prepared: BTreeSet<_> = small.iter().flat_map(|seen| &seen.prepared).collect();
    let not_prepared = small
        .iter()
        .flat_map(|seen| &seen.run)
        .filter(|text| !prepared.contains(text))
        .collect::<BTreeSet<_>>();
    // The ping of PostgreSQL is prepared when the connection is opened. A COPY is never prepared.
    let plain = ["BEGIN", "COMMIT", "SELECT 1", "COPY"];
    // diesel never keeps an update, nor a list of values, which only SQLite has.
    let is_sqlite = world.is_sqlite();
    let is_known = |text: &&String| {
        plain.iter().any(|plain| text.starts_with(plain))
            || text.contains("leadgate.session")
            || is_sqlite && (text.starts_with("UPDATE") || text.contains(" IN ("))
    };
    assert!(not_prepared.iter().all(is_known), "{not_prepared:#?}");
}

/// Releases `size` quarantined submissions.
async fn release(world: &World, size: usize) -> Seen {
    let quarantined: Vec<_> = (0..size)
        .map(|n| {
            let fault = MappingFault { to: "phone".into(), code: MappingFaultCode::Missing };
            Submission { mapping_fault: Some(fault), ..world.phone(&format!("+1415556{:04}", size + n)) }
        })
        .collect();
    world.commit(&quarantined).await;
    let released = |submission: Submission| {
        let (entry, released_at) = (submission.id.as_uuid(), submission.received_at);
        let release = Some(QuarantineRelease { entry, released_at });
        Submission { mapping_fault: None, release, ..submission }
    };
    let batch: Vec<_> = quarantined.into_iter().map(released).collect();
    seen();
    let committed = world.commit(&batch).await;
    assert_eq!(committed.settled.len(), size);
    seen()
}

async fn the_number_of_statements_does_not_depend_on_the_number_of_releases(world: &World) {
    let (small, large) = (release(world, 1).await, release(world, 500).await);
    assert_eq!(steps(&small, world.is_sqlite()), steps(&large, world.is_sqlite()));
}

async fn consents_add_two_statements_per_batch(world: &World) {
    let commit = async |size: usize, from: usize| {
        let submission =
            |n| world.eligible(&format!("+1415557{:04}", from + n), &format!("p{}@example.com", from + n));
        let batch: Vec<_> = (0..size).map(submission).collect();
        seen();
        world.commit(&batch).await;
        seen()
    };
    let (small, large) = (commit(1, 0).await, commit(500, 1_000).await);
    let small = steps(&small, world.is_sqlite());
    assert_eq!(small, steps(&large, world.is_sqlite()));
    let is_consent = |text: &&String| text.contains("consents") || text.contains("consent_people");
    assert_eq!(small.iter().filter(is_consent).count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn statement_counts_are_constant_on_both_databases() {
    set_default_instrumentation(|| Some(Box::new(see))).unwrap();
    let one_connection = |url: String| StoreConfig { pool_size: 1, ..StoreConfig::worker(url) };
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("store.db").display());
    let sqlite = World::at(one_connection(url), folder).await;
    let url = world::postgres().await.database().await.unwrap();
    let postgres = World::at(one_connection(url), tempfile::tempdir().unwrap()).await;
    for world in [sqlite, postgres] {
        the_number_of_statements_does_not_depend_on_the_batch_size(&world).await;
        the_number_of_statements_does_not_depend_on_the_number_of_releases(&world).await;
        consents_add_two_statements_per_batch(&world).await;
    }
}
