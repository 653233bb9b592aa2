//! Markers without Redis: nobody waits for it, and nobody is told what is not known.

use std::time::{Duration, Instant};

use leadgate_domain::{BodyHash, ClaimKey, ClaimKind, KeyHash, OrganizationId, SubmissionId};
use leadgate_limiter::{IdempotencyMarkers, IdempotencyState, LimiterConfig, LimiterStatus};
use leadgate_testkit::servers::RedisServer;

/// As that of the limiters, and as patient.
const TIMEOUT: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_millis(350);
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

async fn begin(markers: &IdempotencyMarkers, key: ClaimKey) -> IdempotencyState {
    let asked = Instant::now();
    let begun = markers.begin(key, submission(), BodyHash::of(b"body")).await;
    assert!(asked.elapsed() < PATIENCE, "{:?}", asked.elapsed());
    begun
}

async fn recovered(markers: &IdempotencyMarkers) {
    let ready = async {
        let mut look = tokio::time::interval(Duration::from_millis(10));
        while markers.status() != LimiterStatus::Ready {
            look.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ready).await.expect("back in Redis within 20 s");
}

#[tokio::test]
async fn what_redis_forgot_was_never_used() {
    let redis = RedisServer::start().await.unwrap();
    let (markers, key) = (open(&redis).await, key());
    assert_eq!(begin(&markers, key).await, IdempotencyState::First);
    markers.done(key, submission(), BodyHash::of(b"body")).await;
    redis.command("SCRIPT FLUSH").await.unwrap();
    assert!(matches!(begin(&markers, key).await, IdempotencyState::Done(_)), "a script is not missed");
    redis.command("FLUSHALL").await.unwrap();
    assert_eq!(begin(&markers, key).await, IdempotencyState::First);
    assert_eq!(begin(&markers, key).await, IdempotencyState::InFlight);
    assert_eq!(markers.status(), LimiterStatus::Ready, "nobody noticed");
}

#[tokio::test]
async fn without_redis_nobody_can_tell() {
    let redis = RedisServer::start().await.unwrap();
    let (markers, key) = (open(&redis).await, key());
    assert_eq!(begin(&markers, key).await, IdempotencyState::First);
    redis.stop().await.unwrap();
    for _ in 0..20 {
        assert_eq!(begin(&markers, key).await, IdempotencyState::Unknown);
    }
    assert!(matches!(markers.status(), LimiterStatus::Degraded(_)));
    markers.done(key, submission(), BodyHash::of(b"body")).await;
    redis.start_again().await.unwrap();
    recovered(&markers).await;
    assert_eq!(begin(&markers, key).await, IdempotencyState::First);

    redis.freeze().unwrap();
    for _ in 0..20 {
        assert_eq!(begin(&markers, key).await, IdempotencyState::Unknown);
    }
    redis.thaw().unwrap();
    recovered(&markers).await;
    assert_eq!(begin(&markers, key).await, IdempotencyState::InFlight);
}

/// As after a restart, or behind a proxy that closes idle connections: the first question finds it broken.
#[tokio::test]
async fn a_connection_that_redis_closed_is_replaced_before_the_answer() {
    let redis = RedisServer::start().await.unwrap();
    let (markers, key) = (open(&redis).await, key());
    let first = submission();
    assert_eq!(markers.begin(key, first, BodyHash::of(b"body")).await, IdempotencyState::First);
    markers.done(key, first, BodyHash::of(b"body")).await;
    for _ in 0..5 {
        redis.command("CLIENT KILL TYPE normal").await.unwrap();
        let asking = (0..20).map(|_| markers.begin(key, submission(), BodyHash::of(b"another body")));
        for begun in futures_util::future::join_all(asking).await {
            assert_eq!(begun, IdempotencyState::BodyMismatch);
        }
    }
}

/// A marker of the submission's own is what a first try left whose answer was lost.
#[tokio::test]
async fn a_submission_may_ask_twice() {
    let redis = RedisServer::start().await.unwrap();
    let (markers, key, own) = (open(&redis).await, key(), submission());
    for _ in 0..2 {
        assert_eq!(markers.begin(key, own, BodyHash::of(b"body")).await, IdempotencyState::First);
    }
    assert_eq!(begin(&markers, key).await, IdempotencyState::InFlight);
}

#[tokio::test]
async fn what_somebody_else_wrote_is_no_marker() {
    let redis = RedisServer::start().await.unwrap();
    let (markers, key) = (open(&redis).await, key());
    assert_eq!(begin(&markers, key).await, IdempotencyState::First);
    let name = redis.command("KEYS *marker*").await.unwrap();
    let name = name.split("\r\n").nth(2).unwrap();
    redis.command(&format!("SET {name} nonsense")).await.unwrap();
    assert_eq!(begin(&markers, key).await, IdempotencyState::First);
}
