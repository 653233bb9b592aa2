//! What opt-outs and one repeated phone cost: batches per second, in turns.
//!
//! `cargo run --release -p leadgate-store --example opt_outs [URL]`; without an address, over a private PostgreSQL.
//! Four batches at once, all of one organization. Four kinds of batches take turns: without opt-outs, with 1 % opt-outs
//! of different people, with 1 % opt-outs of one phone, and with 1 % of one phone without opt-outs. As in a worker,
//! batches are split and stored leads are rescreened in the background. Only ratios are comparable between machines.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(clippy::print_stdout, reason = "figures are what it is for")]
#![allow(dead_code, unused_macros, unused_imports, reason = "the world is the contract suite's")]

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

const AT_ONCE: usize = 4;
const ROUNDS: usize = 7;
const TURN: Duration = Duration::from_secs(3);

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
    tokio::spawn(keep_rescreening(Arc::clone(&world), Arc::clone(&rescreen)));
    for size in [128, 512] {
        let mut rates = [const { Vec::new() }; 4];
        for round in 0..ROUNDS {
            for turn in 0..4 {
                let kind = (turn + round) % 4;
                let which = [Kind::NoOptOuts, Kind::OptOuts, Kind::OnePhoneOptOuts, Kind::OnePhone][kind];
                rates[kind].push(rate(&world, size, which, &rescreen).await);
            }
        }
        let [none, opt_outs, of_one, one] = rates.map(median);
        let ratio = |rate: f64| format!("{rate:.1} ({:.2})", rate / none);
        println!(
            "{AT_ONCE} batches of {size} at once: {none:.1} batches/s; with 1 % opt-outs {}; of one phone {}; \
             one phone without opt-outs {}",
            ratio(opt_outs),
            ratio(of_one),
            ratio(one)
        );
    }
}

async fn keep_rescreening(world: Arc<World>, wanted: Arc<Notify>) {
    loop {
        wanted.notified().await;
        world.store.rescreen(world.organization.id, world.judge(), |_| {}).await.unwrap();
    }
}

async fn rate(world: &Arc<World>, size: usize, kind: Kind, rescreen: &Arc<Notify>) -> f64 {
    let begun = Instant::now();
    let mut running = JoinSet::new();
    let splitter = Arc::new(BatchSplitter::default());
    for _ in 0..AT_ONCE {
        let (world, rescreen, splitter) = (Arc::clone(world), Arc::clone(rescreen), Arc::clone(&splitter));
        running.spawn(async move {
            let mut commits = 0_u32;
            while begun.elapsed() < TURN {
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
    commits / begun.elapsed().as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// Four in five are new, one in five posts a phone that was posted before.
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
    let mut submission = world.consenting(&phone, &format!("person{n}@example.com"));
    submission.fields.opt_out = opts_out;
    submission
}
