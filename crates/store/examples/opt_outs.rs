//! Measures the cost of opt-outs and of one repeated phone, in batches per second.
//!
//! `cargo run --release -p leadgate-store --example opt_outs [URL]`. Without a URL it runs on a private
//! PostgreSQL. Four batches of one organization are committed concurrently. Four kinds of batches alternate:
//! without opt-outs, with 1 % opt-outs of different people, with 1 % opt-outs of one phone, and with 1 %
//! submissions of one phone without opt-outs. As in a worker, batches are split and stored leads are
//! rescreened in the background. Only the ratios are comparable between machines.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(clippy::print_stdout, reason = "the program prints its results")]
#![allow(dead_code, unused_macros, unused_imports, reason = "the contract suite uses all of it")]

#[path = "../tests/contract/world.rs"]
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use leadgate_domain::Submission;
use leadgate_store::{BatchSplitter, StoreConfig};
use leadgate_testkit::servers::PostgresServer;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use world::World;

const CONCURRENCY: usize = 4;
const ROUNDS: usize = 7;
const ROUND_DURATION: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    NoOptOuts,
    OptOuts,
    OnePhoneOptOuts,
    OnePhone,
}

#[tokio::main]
async fn main() {
    if let Some(url) = std::env::args().nth(1) {
        return measure(&url).await;
    }
    let server = PostgresServer::start().await.unwrap();
    measure(&server.database().await.unwrap()).await;
}

async fn measure(url: &str) {
    let world = Arc::new(World::at(StoreConfig::worker(url), tempfile::tempdir().unwrap()).await);
    let rescreen = Arc::new(Notify::new());
    tokio::spawn(rescreen_when_notified(Arc::clone(&world), Arc::clone(&rescreen)));
    for size in [128, 512] {
        let mut rates = [const { Vec::new() }; 4];
        for round in 0..ROUNDS {
            for offset in 0..4 {
                let index = (offset + round) % 4;
                let kind = [Kind::NoOptOuts, Kind::OptOuts, Kind::OnePhoneOptOuts, Kind::OnePhone][index];
                rates[index].push(rate(&world, size, kind, &rescreen).await);
            }
        }
        let [none, opt_outs, one_phone_opt_outs, one_phone] = rates.map(median);
        let ratio = |rate: f64| format!("{rate:.1} ({:.2})", rate / none);
        println!(
            "{CONCURRENCY} batches of {size} at once: {none:.1} batches/s; with 1 % opt-outs {}; of one phone {}; \
             one phone without opt-outs {}",
            ratio(opt_outs),
            ratio(one_phone_opt_outs),
            ratio(one_phone)
        );
    }
}

async fn rescreen_when_notified(world: Arc<World>, rescreen: Arc<Notify>) {
    loop {
        rescreen.notified().await;
        world.store.rescreen(world.organization.id, world.judge(), |_| {}).await.unwrap();
    }
}

async fn rate(world: &Arc<World>, size: usize, kind: Kind, rescreen: &Arc<Notify>) -> f64 {
    let started_at = Instant::now();
    let mut running = JoinSet::new();
    let splitter = Arc::new(BatchSplitter::default());
    for _ in 0..CONCURRENCY {
        let (world, rescreen, splitter) = (Arc::clone(world), Arc::clone(rescreen), Arc::clone(&splitter));
        running.spawn(async move {
            let mut commits = 0_u32;
            while started_at.elapsed() < ROUND_DURATION {
                let batch = (0..size).map(|_| world.normalize(person(&world, kind))).collect();
                for part in splitter.split(batch) {
                    let committed = world.store.commit(part, world.judge()).await.unwrap();
                    if !committed.pending.is_empty() {
                        rescreen.notify_one();
                    }
                }
                commits += 1;
            }
            f64::from(commits)
        });
    }
    let commits: f64 = running.join_all().await.into_iter().sum();
    commits / started_at.elapsed().as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// Four in five have a new phone, one in five repeats an earlier phone.
fn person(world: &World, kind: Kind) -> Submission {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let is_marked = kind != Kind::NoOptOuts && n % 100 == 99;
    let opts_out = is_marked && kind != Kind::OnePhone;
    let n = match () {
        () if is_marked && kind != Kind::OptOuts => 0,
        () if n % 5 == 4 => n / 2,
        () => n,
    };
    let area = [212, 213, 305, 312, 404, 415, 503, 512, 602, 617][usize::try_from(n / 800_000 % 10).unwrap()];
    let phone = format!("+1{area}{}", 2_000_000 + n % 800_000);
    let mut submission = world.eligible(&phone, &format!("person{n}@example.com"));
    submission.fields.opt_out = opts_out;
    submission
}
