use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use leadgate_limiter::LimiterStatus;
use leadgate_testkit::servers::RedisServer;
use tokio::task::JoinSet;

use crate::gateways::Gateways;

const LIMIT: u32 = 5_000;

/// 30 callers use three gateways without a pause. After every 500 decisions, runs the Redis command `command`.
async fn load_while(redis: &RedisServer, command: &str, times: u32) -> (Gateways, u32) {
    // A long time limit, so that only the lost data has an effect.
    let gateways = Gateways::open_with(redis.url(), 3, Duration::from_secs(60)).await;
    gateways.recovered().await;
    let (decided, allowed) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let mut tasks = JoinSet::new();
    for n in 0..30 {
        let (limiter, request) = (gateways.limiters[n % 3].clone(), gateways.request("key", LIMIT));
        let (decided, allowed) = (Arc::clone(&decided), Arc::clone(&allowed));
        tasks.spawn(async move {
            for _ in 0..600 {
                let decision = limiter.acquire(request.clone()).await;
                allowed.fetch_add(u32::from(decision.allowed()), Ordering::Relaxed);
                decided.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    for n in 1..=times {
        while decided.load(Ordering::Relaxed) < 500 * n {
            tokio::task::yield_now().await;
        }
        redis.command(command).await.unwrap();
        assert!(gateways.all(|status| *status == LimiterStatus::Ready), "the limiters stay ready");
    }
    tasks.join_all().await;
    (gateways, allowed.load(Ordering::Relaxed))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_scripts_change_nothing() {
    let redis = RedisServer::start().await.unwrap();
    let (_gateways, allowed) = load_while(&redis, "SCRIPT FLUSH", 30).await;
    assert_eq!(allowed, LIMIT, "no error, and no additional permit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_counts_cost_at_most_one_window() {
    let redis = RedisServer::start().await.unwrap();
    let (gateways, allowed) = load_while(&redis, "FLUSHALL", 1).await;
    assert!((LIMIT..=2 * LIMIT).contains(&allowed), "at most one additional window, not {allowed}");
    assert!(!gateways.limiters[0].acquire(gateways.request("key", LIMIT)).await.allowed());
}

/// The load continues while Redis restarts without its data. The gateways have the same load, so each one may
/// grant the rest of its share alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_costs_at_most_one_window() {
    let redis = RedisServer::start().await.unwrap();
    let gateways = Gateways::open(redis.url(), 3).await;
    gateways.recovered().await;
    let request = gateways.request("key", LIMIT);
    let mut allowed = gateways.acquire(500, &request).await.allowed;
    assert_eq!(allowed, 1_500);
    let mut restart = std::pin::pin!(redis.restart());
    loop {
        tokio::select! {
            biased;
            result = &mut restart => break result.unwrap(),
            tally = gateways.acquire(10, &request) => allowed += tally.allowed,
        }
    }
    gateways.recovered().await;
    allowed += gateways.acquire(LIMIT, &request).await.allowed;
    assert!((LIMIT..=2 * LIMIT).contains(&allowed), "at most one additional window, not {allowed}");
    assert!(!gateways.limiters[0].acquire(request).await.allowed());
}
