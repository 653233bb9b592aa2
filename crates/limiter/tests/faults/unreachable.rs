use std::time::Duration;

use leadgate_limiter::{Limiter, LimiterConfig, LimiterStatus};
use leadgate_testkit::proxy::{Proxy, ProxyMode};
use leadgate_testkit::servers::RedisServer;

use crate::gateways::Gateways;

const LIMIT: u32 = 30;
const GATEWAYS: u32 = 3;

/// Before the trouble every gateway took 4 of its 10; with it each may take the other 6, and not one more.
async fn limited_at_its_share(gateways: &Gateways) {
    let request = gateways.request("key", LIMIT);
    assert_eq!(gateways.ask_in_trouble(40, &request).await, LIMIT - GATEWAYS * 4);
    assert!(gateways.degraded());
    assert_eq!(gateways.ask_in_trouble(40, &gateways.request("fresh", LIMIT)).await, LIMIT);
    let scarce = gateways.request("scarce", 1);
    assert_eq!(gateways.ask_in_trouble(40, &scarce).await, GATEWAYS, "one permit at least");
}

/// Exact over all gateways again, so they count in Redis again.
async fn back_in_redis(gateways: &Gateways) {
    gateways.recovered().await;
    let after = gateways.ask(LIMIT, &gateways.request("after", LIMIT)).await;
    assert_eq!(after.allowed, LIMIT);
    // All by one gateway: more than the share it would have alone.
    let first =
        Gateways { limiters: vec![gateways.limiters[0].clone()], organization: gateways.organization };
    assert_eq!(first.ask(LIMIT, &gateways.request("one", LIMIT)).await.allowed, LIMIT);
}

async fn three(url: &str) -> Gateways {
    let gateways = Gateways::open(url, GATEWAYS).await;
    gateways.recovered().await;
    let before = gateways.ask(4, &gateways.request("key", LIMIT)).await;
    assert_eq!(before.allowed, GATEWAYS * 4);
    gateways
}

#[tokio::test]
async fn killed() {
    let redis = RedisServer::start().await.unwrap();
    let gateways = three(redis.url()).await;
    redis.kill().unwrap();
    limited_at_its_share(&gateways).await;
    redis.start_again().await.unwrap();
    back_in_redis(&gateways).await;
}

#[tokio::test]
async fn frozen() {
    let redis = RedisServer::start().await.unwrap();
    let gateways = three(redis.url()).await;
    redis.freeze().unwrap();
    limited_at_its_share(&gateways).await;
    redis.thaw().unwrap();
    back_in_redis(&gateways).await;
}

#[tokio::test]
async fn slow_by_200_ms() {
    let redis = RedisServer::start().await.unwrap();
    let proxy = Proxy::start(redis.port().unwrap()).await.unwrap();
    let gateways = three(&format!("redis://127.0.0.1:{}/", proxy.port())).await;
    proxy.set(ProxyMode::Delay(Duration::from_millis(200))).await.unwrap();
    limited_at_its_share(&gateways).await;
    let (tries, mut look) = (proxy.connections() + 6, tokio::time::interval(Duration::from_millis(5)));
    while proxy.connections() < tries {
        look.tick().await;
        assert!(gateways.degraded(), "that it can be connected to makes it no faster");
    }
    proxy.set(ProxyMode::Pass).await.unwrap();
    back_in_redis(&gateways).await;
}

#[tokio::test]
async fn too_many_waiting_for_a_slow_one() {
    let redis = RedisServer::start().await.unwrap();
    let proxy = Proxy::start(redis.port().unwrap()).await.unwrap();
    let gateways = Gateways::open(&format!("redis://127.0.0.1:{}/", proxy.port()), GATEWAYS).await;
    gateways.recovered().await;
    // In time for a call; a thousand requests, though, are eight calls, one after the other.
    proxy.set(ProxyMode::Delay(Duration::from_millis(40))).await.unwrap();
    let request = gateways.request("key", 10_000);
    let crowd = (0..1_000).map(|_| gateways.ask_in_trouble(1, &request));
    assert_eq!(futures_util::future::join_all(crowd).await.into_iter().sum::<u32>(), 3_000);
}

#[tokio::test]
async fn every_way_a_connection_breaks() {
    let redis = RedisServer::start().await.unwrap();
    let proxy = Proxy::start(redis.port().unwrap()).await.unwrap();
    let gateways = Gateways::open(&format!("redis://127.0.0.1:{}/", proxy.port()), GATEWAYS).await;
    for mode in [ProxyMode::Close, ProxyMode::Reset, ProxyMode::HalfOpen, ProxyMode::Blackhole] {
        gateways.recovered().await;
        proxy.set(mode).await.unwrap();
        let request = gateways.request(&format!("{mode:?}"), LIMIT);
        assert_eq!(gateways.ask_in_trouble(40, &request).await, LIMIT, "{mode:?}");
        assert!(gateways.degraded(), "{mode:?}");
        proxy.set(ProxyMode::Pass).await.unwrap();
    }
    back_in_redis(&gateways).await;
}

#[tokio::test]
async fn one_gateway_alone_never_gives_more_than_the_limit() {
    let redis = RedisServer::start().await.unwrap();
    let gateways = Gateways::open(redis.url(), 1).await;
    let request = gateways.request("key", LIMIT);
    assert_eq!(gateways.ask(LIMIT - 5, &request).await.allowed, LIMIT - 5);
    redis.freeze().unwrap();
    assert_eq!(gateways.ask_in_trouble(40, &request).await, 5);
    redis.thaw().unwrap();
}

#[tokio::test]
async fn not_there_at_the_start() {
    let redis = RedisServer::start().await.unwrap();
    redis.stop().await.unwrap();
    let gateways = Gateways::open(redis.url(), GATEWAYS).await;
    assert!(gateways.degraded());
    assert_eq!(gateways.ask_in_trouble(40, &gateways.request("key", LIMIT)).await, LIMIT);
    redis.start_again().await.unwrap();
    back_in_redis(&gateways).await;
}

#[tokio::test]
async fn answering_with_errors() {
    let redis = RedisServer::start().await.unwrap();
    let gateways = three(redis.url()).await;
    redis.command("CONFIG SET maxmemory 1").await.unwrap();
    let request = gateways.request("key", LIMIT);
    assert_eq!(gateways.ask_in_trouble(40, &request).await, LIMIT - GATEWAYS * 4);
    redis.command("CONFIG SET maxmemory 0").await.unwrap();
    back_in_redis(&gateways).await;
}

#[tokio::test]
async fn what_it_says_of_itself_names_no_address_and_no_secret() {
    let open = |url: &str| Limiter::open(LimiterConfig { url: url.to_owned(), ..LimiterConfig::default() });
    let redis = RedisServer::start().await.unwrap();
    let port = redis.port().unwrap();
    let limiter = open(&format!("redis://someone:hunter2@127.0.0.1:{port}/")).await.unwrap();
    let LimiterStatus::Degraded(reason) = limiter.status() else { panic!("nobody of that name may enter") };
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
