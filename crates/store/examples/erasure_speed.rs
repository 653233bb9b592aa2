//! Measures the search for a person and the erasure of old data, on both databases.
//!
//! `cargo run --release -p leadgate-store --example erasure_speed [SUBMISSIONS]`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::as_conversions,
    reason = "the program prints its results"
)]
#![allow(dead_code, unused_macros, unused_imports, reason = "the contract suite uses all of it")]

#[path = "../tests/contract/world.rs"]
mod world;

use std::time::{Duration, Instant};

use leadgate_domain::{DataSubject, Email, Phone, Retention};
use leadgate_store::StoreConfig;
use leadgate_testkit::servers::PostgresServer;
use world::World;

#[tokio::main]
async fn main() {
    let size = std::env::args().nth(1).map_or(20_000, |size| size.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    measure("sqlite", &format!("sqlite:{}", folder.path().join("store.db").display()), size).await;
    let server = PostgresServer::start().await.unwrap();
    measure("postgres", &server.database().await.unwrap(), size).await;
}

async fn measure(name: &str, url: &str, size: usize) {
    let world = World::at(StoreConfig::worker(url), tempfile::tempdir().unwrap()).await;
    let all: Vec<_> = (0..size)
        .map(|n| world.eligible(&format!("+1415{:07}", 2_000_000 + n), &format!("p{n}@example.com")))
        .collect();
    let per_second = |started_at: Instant| size as f64 / started_at.elapsed().as_secs_f64();
    let started_at = Instant::now();
    for batch in all.chunks(512) {
        world.commit(batch).await;
    }
    println!("{name}: {size} submissions committed, {:.0}/s", per_second(started_at));

    let mut subject = DataSubject::default();
    subject.add_phone(Phone::parse("+14152000007", None).unwrap());
    subject.add_email(Email::parse("p7@example.com").unwrap());
    let started_at = Instant::now();
    let person = world.store.find_subject(world.organization.id, subject, &[]).await.unwrap();
    let records = world.store.find_person(world.organization.id, &person, |_| {}).await.unwrap();
    assert_eq!((records.submissions.len(), records.leads.len()), (1, 1));
    println!("{name}: a person found in {:.1} ms", started_at.elapsed().as_secs_f64() * 1_000.0);

    let day = Some(Duration::from_secs(24 * 60 * 60));
    let submissions = Retention { submissions: day, ..Retention::default() };
    for (kind, retention) in
        [("submissions", submissions), ("leads", Retention { leads: day, ..Retention::default() })]
    {
        world.store.set_retention(world.organization.id, retention).await.unwrap();
        let started_at = Instant::now();
        let swept = world.store.sweep_retention(started_at + Duration::from_secs(3_600)).await.unwrap();
        assert_eq!(swept.submissions + swept.leads, size);
        println!("{name}: {kind} erased by age, {:.0}/s", per_second(started_at));
    }
}
