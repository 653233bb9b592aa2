//! Measures committed submissions per second by batch size, on both databases.
//!
//! `cargo run -p leadgate-store --example commit_speed [URL]`. Without a URL it runs on a private PostgreSQL
//! and on a new SQLite file. One in five submissions is a duplicate. The time of one fsync in the temporary
//! folder is printed first, because durable rates depend on it. Then the cost of a consent is measured:
//! batches with a consent alternate with batches that have the same data among their custom fields.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(clippy::print_stdout, reason = "the program prints its results")]
#![allow(dead_code, unused_macros, unused_imports, reason = "the contract suite uses all of it")]

#[path = "../tests/contract/world.rs"]
mod world;

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use leadgate_store::StoreConfig;
use leadgate_testkit::servers::PostgresServer;
use tokio::task::JoinSet;
use world::World;

const DURATION: Duration = Duration::from_secs(4);
/// The number of alternations between batches with and without a consent, and the duration of each one.
const ROUNDS: u32 = 8;
const ROUND_DURATION: Duration = Duration::from_secs(1);

type MakeSubmission = fn(&World) -> leadgate_domain::Submission;

#[tokio::main]
async fn main() {
    println!("one fsync: {:?}", fsync());
    if let Some(url) = std::env::args().nth(1) {
        return measure("given", &url, &[1, 4, 8]).await;
    }
    let folder = tempfile::tempdir().unwrap();
    measure("sqlite", &format!("sqlite:{}", folder.path().join("store.db").display()), &[1, 4]).await;
    let server = PostgresServer::start().await.unwrap();
    measure("postgres", &server.database().await.unwrap(), &[1, 4, 8]).await;
}

fn fsync() -> Duration {
    let mut file = tempfile::tempfile().unwrap();
    let started_at = Instant::now();
    for _ in 0..100 {
        file.write_all(b"a line of a journal\n").unwrap();
        file.sync_data().unwrap();
    }
    started_at.elapsed() / 100
}

async fn measure(name: &str, url: &str, concurrency: &[usize]) {
    let world = Arc::new(World::at(StoreConfig::worker(url), tempfile::tempdir().unwrap()).await);
    for size in [1, 64, 512] {
        for tasks in concurrency {
            let rate = rate(&world, size, *tasks, DURATION, with_consent).await;
            println!("{name}: batches of {size:>3}, {tasks} at once: {rate:>6.0} submissions/s");
        }
    }
    for size in [64, 512] {
        let (mut with, mut without) = (0.0, 0.0);
        for _ in 0..ROUNDS {
            with += rate(&world, size, 1, ROUND_DURATION, with_consent).await / f64::from(ROUNDS);
            without += rate(&world, size, 1, ROUND_DURATION, without_consent).await / f64::from(ROUNDS);
        }
        let ratio = without / with;
        println!(
            "{name}: batches of {size:>3}: {with:.0} with a consent, {without:.0} without: {ratio:.2} times the time"
        );
    }
}

async fn rate(world: &Arc<World>, size: usize, tasks: usize, time: Duration, make: MakeSubmission) -> f64 {
    let started_at = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..tasks {
        let world = Arc::clone(world);
        running.spawn(async move {
            let mut settled = 0.0;
            while started_at.elapsed() < time {
                let batch: Vec<_> = (0..size).map(|_| world.normalize(make(&world))).collect();
                let committed = world.store.commit(batch, world.judge()).await.unwrap();
                settled += f64::from(u32::try_from(committed.settled.len()).unwrap());
            }
            settled
        });
    }
    let settled: f64 = running.join_all().await.into_iter().sum();
    settled / started_at.elapsed().as_secs_f64()
}

/// A lead with consent. Four in five have a new phone, one in five repeats an earlier phone.
fn with_consent(world: &World) -> leadgate_domain::Submission {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let n = if n % 5 == 4 { n / 2 } else { n };
    let area = [212, 213, 305, 312, 404, 415, 503, 512, 602, 617][usize::try_from(n / 800_000 % 10).unwrap()];
    let phone = format!("+1{area}{}", 2_000_000 + n % 800_000);
    world.eligible(&phone, &format!("person{n}@example.com"))
}

/// The same lead, with the consent data among its custom fields.
fn without_consent(world: &World) -> leadgate_domain::Submission {
    let mut submission = with_consent(world);
    let consent = std::mem::take(&mut submission.fields.consent);
    let consent = serde_json::to_value(consent).unwrap();
    submission.fields.custom_fields.insert("consent".to_owned(), consent);
    submission
}
