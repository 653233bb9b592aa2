use std::time::Duration;

use leadgate_limiter::{Limiter, LimiterConfig, LimiterStatus};
use leadgate_testkit::proxy::{Proxy, ProxyMode};
use leadgate_testkit::servers::RedisServer;

use crate::gateways::Gateways;

const LIMIT: u32 = 30;
const GATEWAYS: u32 = 3;

/// Before the fault, each gateway took 4 permits of its share of 10. During the fault it may take 6 more.
async fn assert_limited_to_share(gateways: &Gateways) {
    let request = gateways.request("key", LIMIT);
    assert_eq!(gateways.acquire_during_fault(40, &request).await, LIMIT - GATEWAYS * 4);
    assert!(gateways.degraded());
    assert_eq!(gateways.acquire_during_fault(40, &gateways.request("fresh", LIMIT)).await, LIMIT);
    let scarce = gateways.request("scarce", 1);
    assert_eq!(gateways.acquire_during_fault(40, &scarce).await, GATEWAYS, "at least one permit");
}

/// The count is exact over all gateways, so they use Redis again.
async fn assert_shared_again(gateways: &Gateways) {
    gateways.recovered().await;
    let after = gateways.acquire(LIMIT, &gateways.request("after", LIMIT)).await;
    assert_eq!(after.allowed, LIMIT);
    // One gateway takes all permits, which is more than its share.
    let first =
        Gateways { limiters: vec![gateways.limiters[0].clone()], organization: gateways.organization };
    assert_eq!(first.acquire(LIMIT, &gateways.request("one", LIMIT)).await.allowed, LIMIT);
}

async fn three_gateways(url: &str) -> Gateways {
    let gateways = Gateways::open(url, GATEWAYS).await;
    gateways.recovered().await;
    let before = gateways.acquire(4, &gateways.request("key", LIMIT)).await;
    assert_eq!(before.allowed, GATEWAYS * 4);
    gateways
}

#[tokio::test]
async fn redis_is_killed() {
    let redis = RedisServer::start().await.unwrap();
    let gateways = three_gateways(redis.url()).await;
    redis.kill().unwrap();
    assert_limited_to_share(&gateways).await;
    redis.start_again().await.unwrap();
    assert_shared_again(&gateways).await;
}

#[tokio::test]
async fn redis_is_frozen() {
    let redis = RedisServer::start().await.unwrap();
    let gateways = three_gateways(redis.url()).await;
    redis.freeze().unwrap();
    assert_limited_to_share(&gateways).await;
    redis.thaw().unwrap();
    assert_shared_again(&gateways).await;
}

#[tokio::test]
async fn redis_is_slow_by_200_ms() {
    let redis = RedisServer::start().await.unwrap();
    let proxy = Proxy::start(redis.port().unwrap()).await.unwrap();
    let gateways = three_gateways(&format!("redis://127.0.0.1:{}/", proxy.port())).await;
    proxy.set(ProxyMode::Delay(Duration::from_millis(200))).await.unwrap();
    assert_limited_to_share(&gateways).await;
    let (connections, mut interval) =
        (proxy.connections() + 6, tokio::time::interval(Duration::from_millis(5)));
    while proxy.connections() < connections {
        interval.tick().await;
        assert!(gateways.degraded(), "a successful connect does not end the degraded state");
    }
    proxy.set(ProxyMode::Pass).await.unwrap();
    assert_shared_again(&gateways).await;
}

#[tokio::test]
async fn many_requests_wait_for_a_slow_redis() {
    let redis = RedisServer::start().await.unwrap();
    let proxy = Proxy::start(redis.port().unwrap()).await.unwrap();
    let gateways = Gateways::open(&format!("redis://127.0.0.1:{}/", proxy.port()), GATEWAYS).await;
    gateways.recovered().await;
    // One call is in time, but a thousand requests are eight consecutive calls.
    proxy.set(ProxyMode::Delay(Duration::from_millis(40))).await.unwrap();
    let request = gateways.request("key", 10_000);
    let calls = (0..1_000).map(|_| gateways.acquire_during_fault(1, &request));
    assert_eq!(futures_util::future::join_all(calls).await.into_iter().sum::<u32>(), 3_000);
}

#[tokio::test]
async fn connections_break_in_every_proxy_mode() {
    let redis = RedisServer::start().await.unwrap();
    let proxy = Proxy::start(redis.port().unwrap()).await.unwrap();
    let gateways = Gateways::open(&format!("redis://127.0.0.1:{}/", proxy.port()), GATEWAYS).await;
    for mode in [ProxyMode::Close, ProxyMode::Reset, ProxyMode::HalfOpen, ProxyMode::Blackhole] {
        gateways.recovered().await;
        proxy.set(mode).await.unwrap();
        let request = gateways.request(&format!("{mode:?}"), LIMIT);
        assert_eq!(gateways.acquire_during_fault(40, &request).await, LIMIT, "{mode:?}");
        assert!(gateways.degraded(), "{mode:?}");
        proxy.set(ProxyMode::Pass).await.unwrap();
    }
    assert_shared_again(&gateways).await;
}

#[tokio::test]
async fn a_single_gateway_never_exceeds_the_limit() {
    let redis = RedisServer::start().await.unwrap();
    let gateways = Gateways::open(redis.url(), 1).await;
    let request = gateways.request("key", LIMIT);
    assert_eq!(gateways.acquire(LIMIT - 5, &request).await.allowed, LIMIT - 5);
    redis.freeze().unwrap();
    assert_eq!(gateways.acquire_during_fault(40, &request).await, 5);
    redis.thaw().unwrap();
}

#[tokio::test]
async fn redis_is_down_at_the_start() {
    let redis = RedisServer::start().await.unwrap();
    redis.stop().await.unwrap();
    let gateways = Gateways::open(redis.url(), GATEWAYS).await;
    assert!(gateways.degraded());
    assert_eq!(gateways.acquire_during_fault(40, &gateways.request("key", LIMIT)).await, LIMIT);
    redis.start_again().await.unwrap();
    assert_shared_again(&gateways).await;
}

#[tokio::test]
async fn redis_answers_with_errors() {
    let redis = RedisServer::start().await.unwrap();
    let gateways = three_gateways(redis.url()).await;
    redis.command("CONFIG SET maxmemory 1").await.unwrap();
    let request = gateways.request("key", LIMIT);
    assert_eq!(gateways.acquire_during_fault(40, &request).await, LIMIT - GATEWAYS * 4);
    redis.command("CONFIG SET maxmemory 0").await.unwrap();
    assert_shared_again(&gateways).await;
}

#[tokio::test]
async fn status_and_errors_contain_no_address_and_no_secret() {
    let open = |url: &str| Limiter::open(LimiterConfig { url: url.to_owned(), ..LimiterConfig::default() });
    let redis = RedisServer::start().await.unwrap();
    let port = redis.port().unwrap();
    let limiter = open(&format!("redis://someone:hunter2@127.0.0.1:{port}/")).await.unwrap();
    let LimiterStatus::Degraded(reason) = limiter.status() else { panic!("the login must fail") };
    assert!(!reason.contains("hunter2") && !reason.contains("127.0.0.1"), "{reason}");

    for url in ["", "postgres://hunter2@host/", "redis://:hunter2@host:badport/"] {
        let error = open(url).await.err().expect(url);
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
    assert!(
        !format!("{:?}", LimiterConfig { url: "redis://:hunter2@h".into(), ..Default::default() })
            .contains("hunter2")
    );
}
