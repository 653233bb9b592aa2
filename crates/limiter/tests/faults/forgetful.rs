use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use leadgate_limiter::LimiterStatus;
use leadgate_testkit::servers::RedisServer;
use tokio::task::JoinSet;

use crate::gateways::Gateways;

const LIMIT: u32 = 5_000;

/// 30 callers ask three gateways without a pause, and after every 500 answers Redis forgets something.
async fn load_while(redis: &RedisServer, forget: &str, times: u32) -> (Gateways, u32) {
    // No time-out: only what was forgotten may make a difference.
    let gateways = Gateways::open_with(redis.url(), 3, Duration::from_secs(60)).await;
    gateways.recovered().await;
    let (answered, allowed) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let mut asking = JoinSet::new();
    for n in 0..30 {
        let (limiter, request) = (gateways.limiters[n % 3].clone(), gateways.request("key", LIMIT));
        let (answered, allowed) = (Arc::clone(&answered), Arc::clone(&allowed));
        asking.spawn(async move {
            for _ in 0..600 {
                let decision = limiter.acquire(request.clone()).await;
                allowed.fetch_add(u32::from(decision.allowed()), Ordering::Relaxed);
                answered.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    for n in 1..=times {
        while answered.load(Ordering::Relaxed) < 500 * n {
            tokio::task::yield_now().await;
        }
        redis.command(forget).await.unwrap();
        assert!(gateways.all(|status| *status == LimiterStatus::Ready), "nobody noticed");
    }
    asking.join_all().await;
    (gateways, allowed.load(Ordering::Relaxed))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_scripts() {
    let redis = RedisServer::start().await.unwrap();
    let (_gateways, allowed) = load_while(&redis, "SCRIPT FLUSH", 30).await;
    assert_eq!(allowed, LIMIT, "no error, and not one permit more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_counts() {
    let redis = RedisServer::start().await.unwrap();
    let (gateways, allowed) = load_while(&redis, "FLUSHALL", 1).await;
    assert!((LIMIT..=2 * LIMIT).contains(&allowed), "one window more at most, not {allowed}");
    assert!(!gateways.limiters[0].acquire(gateways.request("key", LIMIT)).await.allowed());
}

/// Load goes on while Redis restarts, empty. The gateways are evenly loaded, so that what each may give alone is
/// what is left of its share.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything() {
    let redis = RedisServer::start().await.unwrap();
    let gateways = Gateways::open(redis.url(), 3).await;
    gateways.recovered().await;
    let request = gateways.request("key", LIMIT);
    let mut allowed = gateways.ask(500, &request).await.allowed;
    assert_eq!(allowed, 1_500);
    let mut restarting = std::pin::pin!(redis.restart());
    loop {
        tokio::select! {
            biased;
            restarted = &mut restarting => break restarted.unwrap(),
            tally = gateways.ask(10, &request) => allowed += tally.allowed,
        }
    }
    gateways.recovered().await;
    allowed += gateways.ask(LIMIT, &request).await.allowed;
    assert!((LIMIT..=2 * LIMIT).contains(&allowed), "one window more at most, not {allowed}");
    assert!(!gateways.limiters[0].acquire(request).await.allowed());
}
