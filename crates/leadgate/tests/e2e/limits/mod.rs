//! Rate limits, over as many gateways as there are.

mod addresses;

use std::time::{Duration, Instant};

use leadgate_testkit::servers::RedisServer;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::metrics::{with_redis_in_time, without_redis};
use crate::systems::{Got, send};
use crate::world::{Gateway, Servers, Shape, World, http, until};

const LIMIT: u32 = 50;
const GATEWAYS: u32 = 3;

/// Connections to each gateway, each with one request at a time.
const CONNECTIONS: usize = 8;

async fn post(client: &reqwest::Client, base: &str, key: &str) -> Got {
    let request = client.post(format!("{base}/v1/leads")).bearer_auth(key);
    send(request.json(&json!({ "email": "often@example.com" }))).await
}

/// What became of many requests with one key.
#[derive(Debug, Default)]
struct Tally {
    /// What was left after each one that was admitted, from the most to the least.
    left: Vec<u32>,
    limited: usize,
}

impl Tally {
    fn count(&mut self, got: &Got) {
        match got.status {
            202 => self.left.push(got.header("x-ratelimit-remaining").parse().unwrap()),
            429 => {
                assert_eq!(got.header("x-ratelimit-remaining"), "0");
                assert!((1..=60).contains(&got.header("retry-after").parse::<u64>().unwrap()));
                self.limited += 1;
            }
            _ => panic!("{}: {}", got.status, got.text),
        }
        self.left.sort_by(|a, b| b.cmp(a));
    }

    fn admitted(&self) -> u32 {
        u32::try_from(self.left.len()).unwrap()
    }
}

/// A fresh key, that each of the gateways was shown once: it looks a key up that it does not know.
async fn fresh_key(world: &World, bases: &[&str], tally: &mut Tally) -> String {
    let rate = format!("{LIMIT}/min");
    let made = world.cli(&["key", "create", "--organization", "acme", "--rate", &rate]).await;
    let key = made["key"].as_str().unwrap().to_owned();
    for base in bases {
        tally.count(&post(&http(), base, &key).await);
    }
    key
}

/// Posts through all gateways at once, over every connection so many times.
async fn hammer(bases: &[&str], key: &str, times: usize, tally: &mut Tally) {
    let mut hammering = JoinSet::new();
    for base in bases.iter().cycle().take(bases.len() * CONNECTIONS) {
        let (base, key, client) = ((*base).to_owned(), key.to_owned(), http());
        hammering.spawn(async move {
            let mut got = Vec::new();
            for _ in 0..times {
                got.push(post(&client, &base, &key).await);
            }
            got
        });
    }
    for got in hammering.join_all().await.iter().flatten() {
        tally.count(got);
    }
}

/// Gateways over a Redis of their own, and nobody who works on what they take.
struct House {
    world: World,
    others: [Gateway; 2],
}

impl House {
    async fn on(redis: &RedisServer, name: &str) -> Self {
        let servers = Servers { redis, ..Servers::shared().await };
        let gateways = GATEWAYS.to_string();
        let world =
            World::production_with(name, &servers, 0, &[("LEADGATE_LIMITER_GATEWAYS", &gateways)]).await;
        let others = [world.start_gateway(&[]).await, world.start_gateway(&[]).await];
        Self { world, others }
    }

    fn bases(&self) -> [&str; 3] {
        [&self.world.base, &self.others[0].base, &self.others[1].base]
    }

    /// Every gateway counts in Redis.
    async fn is_whole(&self) {
        for base in self.bases() {
            let degraded = || async {
                let ready = send(http().get(format!("{base}/readyz"))).await;
                counts_in_redis(&ready.body).then_some(())
            };
            until("redis", degraded).await;
        }
    }
}

/// By what a gateway says of its readiness. That no worker is there does not matter here.
pub fn counts_in_redis(ready: &Value) -> bool {
    let degraded = ready["degraded"].as_array();
    degraded.is_some_and(|degraded| degraded.iter().all(|trouble| trouble["part"] != "limiter"))
}

fn counts_down_to_nothing(tally: &Tally) {
    let down: Vec<_> = (0..LIMIT).rev().collect();
    assert_eq!(tally.left, down, "each once: {} were admitted", tally.admitted());
}

#[tokio::test]
async fn a_limit_is_exact_over_three_gateways_and_twice_that_if_redis_forgets() {
    let redis = RedisServer::start().await.unwrap();
    let house = House::on(&redis, "exact-limit").await;
    let trial = async |_| {
        let (mut first, mut after_flush) = (Tally::default(), Tally::default());
        let started = Instant::now();
        let key = fresh_key(&house.world, &house.bases(), &mut first).await;
        hammer(&house.bases(), &key, 10, &mut first).await;
        redis.command("FLUSHALL").await.unwrap();
        hammer(&house.bases(), &key, 10, &mut after_flush).await;
        (first, after_flush, started.elapsed())
    };
    let (first, after_flush, took) = with_redis_in_time(&house.bases(), trial).await;
    println!(
        "three gateways: {} admitted, {} refused; after FLUSHALL {} and {}; in {took:?}",
        first.admitted(),
        first.limited,
        after_flush.admitted(),
        after_flush.limited
    );
    assert!(took < Duration::from_secs(60), "all in one window");
    counts_down_to_nothing(&first);
    counts_down_to_nothing(&after_flush);
    assert_eq!((first.limited, after_flush.limited), (3 + 240 - 50, 240 - 50));
}

/// Without Redis a gateway gives what is left of its share: a third, less what it gave in this window already. A
/// Redis that comes back empty gives one window more. So a client never has more than
/// limit + gateways × (limit ÷ gateways) + limit, and if it asks all gateways alike, hardly more than two limits.
#[tokio::test]
async fn a_limit_is_bounded_while_redis_is_away_and_after_it() {
    const SHARE: u32 = LIMIT / GATEWAYS;
    let redis = RedisServer::start().await.unwrap();
    let house = House::on(&redis, "redis-restart").await;
    let (mut before, mut without, mut after) = (Tally::default(), Tally::default(), Tally::default());
    let bases = house.bases();
    let key = fresh_key(&house.world, &bases, &mut before).await;
    for _ in 1..8 {
        for base in bases {
            before.count(&post(&http(), base, &key).await);
        }
    }
    redis.kill().unwrap();
    hammer(&bases, &key, 4, &mut without).await;
    redis.start_again().await.unwrap();
    house.is_whole().await;
    let fallbacks = without_redis(&bases).await;
    hammer(&bases, &key, 10, &mut after).await;
    // A request that gave up waiting for Redis may have taken its permit there and been refused here.
    let given_up = u32::try_from(without_redis(&bases).await - fallbacks).unwrap();
    let admitted = [before.admitted(), without.admitted(), after.admitted()];
    println!("redis restarts, step by step: {admitted:?}, {} in all", admitted.iter().sum::<u32>());
    assert_eq!(admitted[..2], [24, GATEWAYS * SHARE - 24]);
    assert!(
        (LIMIT.saturating_sub(given_up)..=LIMIT).contains(&admitted[2]),
        "{admitted:?}, {given_up} given up"
    );

    // The same in the midst of the load.
    let mut all = Tally::default();
    let key = fresh_key(&house.world, &bases, &mut all).await;
    let restart = async {
        redis.kill().unwrap();
        redis.start_again().await.unwrap();
    };
    tokio::join!(hammer(&bases, &key, 40, &mut all), restart);
    house.is_whole().await;
    hammer(&bases, &key, 10, &mut all).await;
    println!("redis restarts under load: {} admitted, {} refused", all.admitted(), all.limited);
    assert!((LIMIT..=LIMIT + GATEWAYS * SHARE + LIMIT).contains(&all.admitted()), "{}", all.admitted());
}

#[tokio::test]
async fn a_limit_is_exact_in_one_process_and_its_window_ends() {
    let world = World::start(Shape::Embedded, "exact-embedded").await;
    let mut tally = Tally::default();
    let key = fresh_key(&world, &[&world.base], &mut tally).await;
    hammer(&[&world.base], &key, 30, &mut tally).await;
    println!("one process: {} admitted, {} refused", tally.admitted(), tally.limited);
    counts_down_to_nothing(&tally);

    let made = world.cli(&["key", "create", "--organization", "acme", "--rate", "5/3s"]).await;
    let (key, client, started) = (made["key"].as_str().unwrap(), http(), Instant::now());
    for left in (0..5).rev() {
        let got = post(&client, &world.base, key).await;
        assert_eq!((got.status, got.header("x-ratelimit-remaining")), (202, &*left.to_string()));
    }
    let limited = post(&client, &world.base, key).await;
    assert_eq!(limited.status, 429);
    assert!((1..=3).contains(&limited.header("retry-after").parse::<u64>().unwrap()));
    let admitted = || async {
        let got = post(&client, &world.base, key).await;
        (got.status == 202).then_some(got)
    };
    let again = until("the next window", admitted).await;
    println!("a window of 3 s was over after {:?}", started.elapsed());
    assert!(started.elapsed() >= Duration::from_secs(3));
    assert_eq!(again.header("x-ratelimit-remaining"), "4");
}
