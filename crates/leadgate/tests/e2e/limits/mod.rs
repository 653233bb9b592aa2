//! Rate limits over several gateways.

mod addresses;

use std::time::{Duration, Instant};

use leadgate_testkit::servers::RedisServer;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::metrics::{redis_fallbacks, with_redis_in_time};
use crate::systems::{TestResponse, send};
use crate::world::{Gateway, Servers, Shape, World, http, until};

const LIMIT: u32 = 50;
const GATEWAYS: u32 = 3;

/// Connections to each gateway, each with one request at a time.
const CONNECTIONS: usize = 8;

async fn post(client: &reqwest::Client, base: &str, key: &str) -> TestResponse {
    let request = client.post(format!("{base}/v1/leads")).bearer_auth(key);
    send(request.json(&json!({ "email": "often@example.com" }))).await
}

/// The results of requests with one key.
#[derive(Debug, Default)]
struct LimitCounts {
    /// The remaining requests after each admitted one, in descending order.
    remaining: Vec<u32>,
    limited: usize,
}

impl LimitCounts {
    fn count(&mut self, response: &TestResponse) {
        match response.status {
            202 => self.remaining.push(response.header("x-ratelimit-remaining").parse().unwrap()),
            429 => {
                assert_eq!(response.header("x-ratelimit-remaining"), "0");
                assert!((1..=60).contains(&response.header("retry-after").parse::<u64>().unwrap()));
                self.limited += 1;
            }
            _ => panic!("{}: {}", response.status, response.text),
        }
        self.remaining.sort_by(|a, b| b.cmp(a));
    }

    fn admitted(&self) -> u32 {
        u32::try_from(self.remaining.len()).unwrap()
    }
}

/// Creates a key and posts once with it to each gateway, because a gateway looks up a key that it does not
/// know.
async fn create_key(world: &World, bases: &[&str], counts: &mut LimitCounts) -> String {
    let rate = format!("{LIMIT}/min");
    let created = world.cli(&["key", "create", "--organization", "acme", "--rate", &rate]).await;
    let key = created["key"].as_str().unwrap().to_owned();
    for base in bases {
        counts.count(&post(&http(), base, &key).await);
    }
    key
}

/// Posts concurrently to all gateways, `times` requests per connection.
async fn post_concurrently(bases: &[&str], key: &str, times: usize, counts: &mut LimitCounts) {
    let mut tasks = JoinSet::new();
    for base in bases.iter().cycle().take(bases.len() * CONNECTIONS) {
        let (base, key, client) = ((*base).to_owned(), key.to_owned(), http());
        tasks.spawn(async move {
            let mut responses = Vec::new();
            for _ in 0..times {
                responses.push(post(&client, &base, &key).await);
            }
            responses
        });
    }
    for response in tasks.join_all().await.iter().flatten() {
        counts.count(response);
    }
}

/// Gateways with a private Redis, without workers.
struct Gateways {
    world: World,
    others: [Gateway; 2],
}

impl Gateways {
    async fn start(redis: &RedisServer, name: &str) -> Self {
        let servers = Servers { redis, ..Servers::shared().await };
        let gateways = GATEWAYS.to_string();
        let world =
            World::distributed_with(name, &servers, 0, &[("LEADGATE_LIMITER_GATEWAYS", &gateways)]).await;
        let others = [world.start_gateway(&[]).await, world.start_gateway(&[]).await];
        Self { world, others }
    }

    fn bases(&self) -> [&str; 3] {
        [&self.world.base, &self.others[0].base, &self.others[1].base]
    }

    /// Waits until all gateways count in Redis.
    async fn wait_for_redis(&self) {
        for base in self.bases() {
            let degraded = || async {
                let ready = send(http().get(format!("{base}/readyz"))).await;
                counts_in_redis(&ready.body).then_some(())
            };
            until("redis", degraded).await;
        }
    }
}

/// Whether the readiness of a gateway reports no problem of the limiter. Missing workers are ignored.
pub fn counts_in_redis(ready: &Value) -> bool {
    let degraded = ready["degraded"].as_array();
    degraded.is_some_and(|degraded| degraded.iter().all(|problem| problem["part"] != "limiter"))
}

fn assert_exact_limit(counts: &LimitCounts) {
    let expected: Vec<_> = (0..LIMIT).rev().collect();
    assert_eq!(counts.remaining, expected, "each value once: {} were admitted", counts.admitted());
}

#[tokio::test]
async fn a_limit_is_exact_over_three_gateways_and_doubles_if_redis_loses_its_data() {
    let redis = RedisServer::start().await.unwrap();
    let gateways = Gateways::start(&redis, "exact-limit").await;
    let trial = async |_| {
        let (mut first, mut after_flush) = (LimitCounts::default(), LimitCounts::default());
        let started = Instant::now();
        let key = create_key(&gateways.world, &gateways.bases(), &mut first).await;
        post_concurrently(&gateways.bases(), &key, 10, &mut first).await;
        redis.command("FLUSHALL").await.unwrap();
        post_concurrently(&gateways.bases(), &key, 10, &mut after_flush).await;
        (first, after_flush, started.elapsed())
    };
    let (first, after_flush, took) = with_redis_in_time(&gateways.bases(), trial).await;
    println!(
        "three gateways: {} admitted, {} refused; after FLUSHALL {} and {}; in {took:?}",
        first.admitted(),
        first.limited,
        after_flush.admitted(),
        after_flush.limited
    );
    assert!(took < Duration::from_secs(60), "all requests are in one window");
    assert_exact_limit(&first);
    assert_exact_limit(&after_flush);
    assert_eq!((first.limited, after_flush.limited), (3 + 240 - 50, 240 - 50));
}

/// Without Redis a gateway admits the rest of its share: a third, minus what it admitted in this window. A
/// Redis that restarts empty admits another window. So a client gets at most limit + gateways × (limit ÷
/// gateways) + limit requests, and about two limits if it uses all gateways evenly.
#[tokio::test]
async fn a_limit_is_bounded_while_redis_is_unavailable_and_after_its_restart() {
    const SHARE: u32 = LIMIT / GATEWAYS;
    let redis = RedisServer::start().await.unwrap();
    let gateways = Gateways::start(&redis, "redis-restart").await;
    let (mut before, mut without, mut after) =
        (LimitCounts::default(), LimitCounts::default(), LimitCounts::default());
    let bases = gateways.bases();
    let key = create_key(&gateways.world, &bases, &mut before).await;
    for _ in 1..8 {
        for base in bases {
            before.count(&post(&http(), base, &key).await);
        }
    }
    redis.kill().unwrap();
    post_concurrently(&bases, &key, 4, &mut without).await;
    redis.start_again().await.unwrap();
    gateways.wait_for_redis().await;
    let fallbacks = redis_fallbacks(&bases).await;
    post_concurrently(&bases, &key, 10, &mut after).await;
    // A request that timed out waiting for Redis may have been counted there and refused by the gateway.
    let timed_out = u32::try_from(redis_fallbacks(&bases).await - fallbacks).unwrap();
    let admitted = [before.admitted(), without.admitted(), after.admitted()];
    println!("redis restarts, step by step: {admitted:?}, {} in all", admitted.iter().sum::<u32>());
    assert_eq!(admitted[..2], [24, GATEWAYS * SHARE - 24]);
    assert!(
        (LIMIT.saturating_sub(timed_out)..=LIMIT).contains(&admitted[2]),
        "{admitted:?}, {timed_out} timed out"
    );

    // The same under load.
    let mut all = LimitCounts::default();
    let key = create_key(&gateways.world, &bases, &mut all).await;
    let restart = async {
        redis.kill().unwrap();
        redis.start_again().await.unwrap();
    };
    tokio::join!(post_concurrently(&bases, &key, 40, &mut all), restart);
    gateways.wait_for_redis().await;
    post_concurrently(&bases, &key, 10, &mut all).await;
    println!("redis restarts under load: {} admitted, {} refused", all.admitted(), all.limited);
    assert!((LIMIT..=LIMIT + GATEWAYS * SHARE + LIMIT).contains(&all.admitted()), "{}", all.admitted());
}

#[tokio::test]
async fn a_limit_is_exact_in_one_process_and_its_window_ends() {
    let world = World::start(Shape::Embedded, "exact-embedded").await;
    let mut counts = LimitCounts::default();
    let key = create_key(&world, &[&world.base], &mut counts).await;
    post_concurrently(&[&world.base], &key, 30, &mut counts).await;
    println!("one process: {} admitted, {} refused", counts.admitted(), counts.limited);
    assert_exact_limit(&counts);

    let created = world.cli(&["key", "create", "--organization", "acme", "--rate", "5/3s"]).await;
    let (key, client, started) = (created["key"].as_str().unwrap(), http(), Instant::now());
    for remaining in (0..5).rev() {
        let response = post(&client, &world.base, key).await;
        assert_eq!(
            (response.status, response.header("x-ratelimit-remaining")),
            (202, &*remaining.to_string())
        );
    }
    let limited = post(&client, &world.base, key).await;
    assert_eq!(limited.status, 429);
    assert!((1..=3).contains(&limited.header("retry-after").parse::<u64>().unwrap()));
    let admitted = || async {
        let response = post(&client, &world.base, key).await;
        (response.status == 202).then_some(response)
    };
    let again = until("the next window", admitted).await;
    println!("a window of 3 s was over after {:?}", started.elapsed());
    assert!(started.elapsed() >= Duration::from_secs(3));
    assert_eq!(again.header("x-ratelimit-remaining"), "4");
}
