//! Tests of the Redis adapter only: its keys and the number of its calls.

use std::time::Duration;

use leadgate_domain::{BodyHash, ClaimKey, ClaimKind, KeyHash, OrganizationId, SubmissionId};
use leadgate_limiter::{LimitRequest, Limiter, LimiterConfig};
use leadgate_testkit::servers::{self, RedisServer};
use tokio::task::JoinSet;

use crate::world::{MINUTE, World, about, counter};

#[tokio::test]
async fn a_key_has_its_owner_as_hash_tag_and_expires_with_its_window() {
    let world = World::redis().await;
    world.limiter.acquire(world.request("key:7", 9).cost(4)).await;
    world.limiter.acquire(world.request("key:7", 9).cost(3)).await;
    let server = servers::shared().redis().await.unwrap();
    let key = format!("{}:limit:{{{}}}:key:7", world.prefix(), world.organization);
    assert_eq!(server.command(&format!("GET {key}")).await.unwrap(), "$1\r\n7\r\n");
    let left = server.command(&format!("PTTL {key}")).await.unwrap();
    let left = left.trim().trim_start_matches(':').parse().unwrap();
    assert!(about(Duration::from_millis(left), MINUTE), "{left}");
}

#[tokio::test]
async fn a_marker_has_its_organization_as_hash_tag_and_lives_for_a_day_after_done() {
    let world = World::redis().await;
    let (markers, hash) = (world.markers(MINUTE).await, "07".repeat(16));
    let key = KeyHash::parse(&hash).unwrap();
    let key = ClaimKey { organization: world.organization, kind: ClaimKind::Idempotency, key };
    let submission = SubmissionId::from_uuid(OrganizationId::generate().as_uuid());
    let server = servers::shared().redis().await.unwrap();
    let name = format!("{}:marker:{{{}}}:idempotency:{hash}", world.prefix(), world.organization);
    let lifetime = async || {
        let left = server.command(&format!("PTTL {name}")).await.unwrap();
        Duration::from_millis(left.trim().trim_start_matches(':').parse().unwrap())
    };
    markers.reserve(key, submission, BodyHash::compute(b"body")).await;
    assert!(about(lifetime().await, MINUTE));
    markers.complete(key, submission, BodyHash::compute(b"body")).await;
    assert!(about(lifetime().await, Duration::from_secs(24 * 60 * 60)));
}

#[tokio::test]
async fn a_window_with_a_wrong_expiry_or_value_starts_again() {
    let world = World::redis().await;
    let server = servers::shared().redis().await.unwrap();
    let key = format!("{}:limit:{{{}}}:key", world.prefix(), world.organization);
    for command in [format!("PERSIST {key}"), format!("PEXPIRE {key} 90000"), format!("SET {key} nonsense")] {
        world.limiter.acquire(world.request("key", 5).cost(5)).await;
        server.command(&command).await.unwrap();
        let decision = world.limiter.acquire(world.request("key", 5)).await;
        assert_eq!((decision.remaining, decision.resets_in), (4, MINUTE), "{command}");
        server.command(&format!("DEL {key}")).await.unwrap();
    }
}

#[tokio::test]
async fn requests_are_collected_while_a_call_is_running() {
    let redis = RedisServer::start().await.unwrap();
    let timeout = Duration::from_secs(60);
    let config = LimiterConfig { url: redis.url().to_owned(), timeout, ..LimiterConfig::default() };
    let limiter = Limiter::open(config).await.unwrap();
    redis.command("CONFIG RESETSTAT").await.unwrap();
    let request = LimitRequest::new(OrganizationId::generate(), counter("key", 5_000));
    let mut tasks = JoinSet::new();
    for _ in 0..2_560 {
        let (limiter, request) = (limiter.clone(), request.clone());
        tasks.spawn(async move { limiter.acquire(request).await });
    }
    tasks.join_all().await;
    let statistics = redis.command("INFO commandstats").await.unwrap();
    let calls = statistics.split("cmdstat_evalsha:calls=").nth(1).unwrap().split(',').next().unwrap();
    assert!((20..=25).contains(&calls.parse::<u32>().unwrap()), "128 in a call: {statistics}");
}
