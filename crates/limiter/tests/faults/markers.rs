//! Markers without Redis: calls return in time, and the state is unknown.

use std::time::{Duration, Instant};

use leadgate_domain::{BodyHash, ClaimKey, ClaimKind, KeyHash, OrganizationId, SubmissionId};
use leadgate_limiter::{IdempotencyMarkers, IdempotencyState, LimiterConfig, LimiterStatus};
use leadgate_testkit::servers::RedisServer;

/// The same time limits as in `gateways.rs`.
const TIMEOUT: Duration = Duration::from_millis(100);
const MAX_WAIT: Duration = Duration::from_millis(350);
const IN_FLIGHT: Duration = Duration::from_secs(60);

async fn open(redis: &RedisServer) -> IdempotencyMarkers {
    let config = LimiterConfig { url: redis.url().to_owned(), timeout: TIMEOUT, ..LimiterConfig::default() };
    IdempotencyMarkers::open(&config, IN_FLIGHT).await.unwrap()
}

fn key() -> ClaimKey {
    let key = KeyHash::parse(&"7".repeat(32)).unwrap();
    ClaimKey { organization: OrganizationId::generate(), kind: ClaimKind::Idempotency, key }
}

fn submission() -> SubmissionId {
    SubmissionId::from_uuid(OrganizationId::generate().as_uuid())
}

async fn reserve(markers: &IdempotencyMarkers, key: ClaimKey) -> IdempotencyState {
    let started = Instant::now();
    let state = markers.reserve(key, submission(), BodyHash::compute(b"body")).await;
    assert!(started.elapsed() < MAX_WAIT, "{:?}", started.elapsed());
    state
}

async fn recovered(markers: &IdempotencyMarkers) {
    let ready = async {
        let mut interval = tokio::time::interval(Duration::from_millis(10));
        while markers.status() != LimiterStatus::Ready {
            interval.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ready).await.expect("the markers are ready within 20 s");
}

#[tokio::test]
async fn a_key_that_redis_lost_is_new() {
    let redis = RedisServer::start().await.unwrap();
    let (markers, key) = (open(&redis).await, key());
    assert_eq!(reserve(&markers, key).await, IdempotencyState::FirstRequest);
    markers.complete(key, submission(), BodyHash::compute(b"body")).await;
    redis.command("SCRIPT FLUSH").await.unwrap();
    assert!(
        matches!(reserve(&markers, key).await, IdempotencyState::Completed(_)),
        "a lost script is sent again"
    );
    redis.command("FLUSHALL").await.unwrap();
    assert_eq!(reserve(&markers, key).await, IdempotencyState::FirstRequest);
    assert_eq!(reserve(&markers, key).await, IdempotencyState::InFlight);
    assert_eq!(markers.status(), LimiterStatus::Ready, "the markers stay ready");
}

#[tokio::test]
async fn without_redis_the_state_is_unknown() {
    let redis = RedisServer::start().await.unwrap();
    let (markers, key) = (open(&redis).await, key());
    assert_eq!(reserve(&markers, key).await, IdempotencyState::FirstRequest);
    redis.stop().await.unwrap();
    for _ in 0..20 {
        assert_eq!(reserve(&markers, key).await, IdempotencyState::Unknown);
    }
    assert!(matches!(markers.status(), LimiterStatus::Degraded(_)));
    markers.complete(key, submission(), BodyHash::compute(b"body")).await;
    redis.start_again().await.unwrap();
    recovered(&markers).await;
    assert_eq!(reserve(&markers, key).await, IdempotencyState::FirstRequest);

    redis.freeze().unwrap();
    for _ in 0..20 {
        assert_eq!(reserve(&markers, key).await, IdempotencyState::Unknown);
    }
    redis.thaw().unwrap();
    recovered(&markers).await;
    assert_eq!(reserve(&markers, key).await, IdempotencyState::InFlight);
}

/// After a restart of Redis, or behind a proxy that closes idle connections, the first call finds the
/// connection broken.
#[tokio::test]
async fn a_closed_connection_is_replaced_before_the_call_returns() {
    let redis = RedisServer::start().await.unwrap();
    let (markers, key) = (open(&redis).await, key());
    let first = submission();
    assert_eq!(markers.reserve(key, first, BodyHash::compute(b"body")).await, IdempotencyState::FirstRequest);
    markers.complete(key, first, BodyHash::compute(b"body")).await;
    for _ in 0..5 {
        redis.command("CLIENT KILL TYPE normal").await.unwrap();
        let calls = (0..20).map(|_| markers.reserve(key, submission(), BodyHash::compute(b"another body")));
        for state in futures_util::future::join_all(calls).await {
            assert_eq!(state, IdempotencyState::BodyMismatch);
        }
    }
}

/// The first call wrote the marker, and its response was lost.
#[tokio::test]
async fn a_submission_may_reserve_twice() {
    let redis = RedisServer::start().await.unwrap();
    let (markers, key, own) = (open(&redis).await, key(), submission());
    for _ in 0..2 {
        assert_eq!(
            markers.reserve(key, own, BodyHash::compute(b"body")).await,
            IdempotencyState::FirstRequest
        );
    }
    assert_eq!(reserve(&markers, key).await, IdempotencyState::InFlight);
}

#[tokio::test]
async fn a_value_that_is_not_a_marker_is_ignored() {
    let redis = RedisServer::start().await.unwrap();
    let (markers, key) = (open(&redis).await, key());
    assert_eq!(reserve(&markers, key).await, IdempotencyState::FirstRequest);
    let name = redis.command("KEYS *marker*").await.unwrap();
    let name = name.split("\r\n").nth(2).unwrap();
    redis.command(&format!("SET {name} nonsense")).await.unwrap();
    assert_eq!(reserve(&markers, key).await, IdempotencyState::FirstRequest);
}
