//! Measures batched calls against one call per request, and the cost of a frozen Redis. Starts its own Redis.
//!
//! `cargo run --release -p leadgate-limiter --example batched_calls`
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "a measurement tool")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use leadgate_domain::{OrganizationId, Rate};
use leadgate_limiter::{Counter, LimitRequest, Limiter, LimiterConfig};
use leadgate_testkit::servers::RedisServer;
use redis::aio::MultiplexedConnection;
use tokio::task::JoinSet;

const REQUESTS: u32 = 100_000;
const CALLERS: u32 = 256;
const RATE: Rate = Rate::per_minute(1_000_000);

#[tokio::main]
async fn main() {
    let server = RedisServer::start().await.unwrap();
    let config = LimiterConfig { url: server.url().to_owned(), ..LimiterConfig::default() };
    let limiter = Limiter::open(config).await.unwrap();
    let client = redis::Client::open(server.url()).unwrap();
    let connection = client.get_multiplexed_async_connection().await.unwrap();
    println!("{CALLERS} callers, {REQUESTS} requests of two counters each");
    for number in [1, 50, 1, 50] {
        let organizations: Arc<[_]> = (0..number).map(|_| OrganizationId::generate()).collect();
        let single = one_call_each(connection.clone(), Arc::clone(&organizations)).await;
        println!("one call each: {single}, {}", redis_time(&server).await);
        let batched = batched(limiter.clone(), Arc::clone(&organizations)).await;
        println!("batched:       {batched}, {}", redis_time(&server).await);
        println!(
            "               {:.1} times faster, with {number} organizations",
            batched.rate / single.rate
        );
    }
    println!("before freezing {:?}", limiter.status());
    server.freeze().unwrap();
    let frozen = batched(limiter.clone(), Arc::new([OrganizationId::generate()])).await;
    println!("frozen:        {frozen}\n               {:?}", limiter.status());
    server.thaw().unwrap();
}

async fn batched(limiter: Limiter, organizations: Arc<[OrganizationId]>) -> Measured {
    let call = move |n| {
        let (limiter, organization) = (limiter.clone(), nth(&organizations, n));
        async move { assert!(limiter.acquire(request(organization)).await.allowed()) }
    };
    run(call).await
}

async fn one_call_each(connection: MultiplexedConnection, organizations: Arc<[OrganizationId]>) -> Measured {
    let script = Arc::new(redis::Script::new(include_str!("../src/redis/acquire.lua")));
    let call = move |n| {
        let (connection, script) = (connection.clone(), Arc::clone(&script));
        let organization = nth(&organizations, n);
        async move { one_call(connection, &script, organization).await }
    };
    run(call).await
}

/// The time that Redis spent in the script.
async fn redis_time(server: &RedisServer) -> String {
    let statistics = server.command("INFO commandstats").await.unwrap();
    server.command("CONFIG RESETSTAT").await.unwrap();
    let script = statistics.split("cmdstat_evalsha:").nth(1).unwrap();
    let mut numbers = script.split(['=', ',']).filter_map(|part| part.parse::<f64>().ok());
    let (calls, micros) = (numbers.next().unwrap(), numbers.next().unwrap());
    format!("{calls} calls, {:.1} µs of redis for a request", micros / f64::from(REQUESTS))
}

fn nth(organizations: &[OrganizationId], n: u32) -> OrganizationId {
    organizations[usize::try_from(n).unwrap() % organizations.len()]
}

fn request(organization: OrganizationId) -> LimitRequest {
    LimitRequest::new(organization, Counter::new("key:1", RATE)).with_counter(Counter::new("source:1", RATE))
}

async fn one_call(
    mut connection: MultiplexedConnection,
    script: &redis::Script,
    organization: OrganizationId,
) {
    let mut call = script.key(format!("one:{{{organization}}}:key:1"));
    call.key(format!("one:{{{organization}}}:source:1")).arg(&[1, 2]);
    call.arg(&[1, RATE.permits, 60_000]).arg(&[2, RATE.permits, 60_000]);
    let answer: Vec<i64> = call.invoke_async(&mut connection).await.unwrap();
    assert_eq!(answer.first(), Some(&1));
}

struct Measured {
    rate: f64,
    median: Duration,
    p99: Duration,
    slowest: Duration,
}

impl std::fmt::Display for Measured {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rate, median, p99, slowest } = self;
        write!(formatter, "{rate:.0}/s (median {median:.1?}, p99 {p99:.1?}, slowest {slowest:.1?})")
    }
}

async fn run<Call: Future<Output = ()> + Send>(
    call: impl Fn(u32) -> Call + Clone + Send + 'static,
) -> Measured {
    let (next, started) = (Arc::new(AtomicU32::new(0)), Instant::now());
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (next, call) = (Arc::clone(&next), call.clone());
        callers.spawn(async move {
            let mut times = Vec::new();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= REQUESTS {
                    return times;
                }
                let call_started = Instant::now();
                call(n).await;
                times.push(call_started.elapsed());
            }
        });
    }
    let mut times: Vec<_> = callers.join_all().await.into_iter().flatten().collect();
    let seconds = started.elapsed().as_secs_f64();
    times.sort();
    let at = |part: usize| times.get(times.len() * part / 1_000).copied().unwrap_or_default();
    let slowest = times.last().copied().unwrap_or_default();
    Measured { rate: f64::from(REQUESTS) / seconds, median: at(500), p99: at(990), slowest }
}
