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
async fn a_single_gateway_stays_within_the_limit_when_redis_fails() {
    let redis = RedisServer::start().await.unwrap();
    let gateways = Gateways::open(redis.url(), 1).await;
    let request = gateways.request("key", LIMIT);
    assert_eq!(gateways.acquire(LIMIT - 5, &request).await.allowed, LIMIT - 5);
    redis.freeze().unwrap();
    assert_eq!(gateways.acquire_during_fault(40, &request).await, 5);
    redis.thaw().unwrap();
}

#[tokio::test]
async fn the_limiters_of_threads_have_one_share_and_one_status() {
    let redis = RedisServer::start().await.unwrap();
    let gateways = three_gateways(redis.url()).await;
    let first = gateways.limiters[0].clone();
    let threads = [first.for_this_thread().await, first.for_this_thread().await];
    let of =
        |limiter: &Limiter| Gateways { limiters: vec![limiter.clone()], organization: gateways.organization };
    let request = gateways.request("key", LIMIT);
    // The gateway took 4 permits before, and each thread takes 1 of the other 6 of the share.
    for thread in &threads {
        assert_eq!(of(thread).acquire(1, &request).await.allowed, 1);
    }
    redis.kill().unwrap();
    assert_eq!(of(&threads[0]).acquire_during_fault(3, &request).await, 3);
    assert!(matches!(threads[1].status(), LimiterStatus::Degraded(_)), "one thread is degraded");
    assert_eq!(of(&threads[1]).acquire_during_fault(40, &request).await, 1);
    redis.start_again().await.unwrap();
    for thread in &threads {
        of(thread).recovered().await;
        let after = gateways.request(&format!("{:p}", thread), LIMIT);
        assert_eq!(of(thread).acquire(LIMIT, &after).await.allowed, LIMIT, "more than the share");
    }
}

#[tokio::test]
async fn a_limiter_of_a_thread_uses_redis_from_its_first_request() {
    let redis = RedisServer::start().await.unwrap();
    let gateways = Gateways::open(redis.url(), GATEWAYS).await;
    for n in 1..=20 {
        let limiters = vec![gateways.limiters[0].for_this_thread().await];
        let thread = Gateways { limiters, organization: gateways.organization };
        assert_eq!(thread.acquire(1, &gateways.request("key", LIMIT)).await.allowed, 1);
        assert_eq!(counted(&redis).await, n);
    }
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_thread_does_not_make_redis_look_slow() {
    let redis = RedisServer::start().await.unwrap();
    let gateways = Gateways::open_with(redis.url(), GATEWAYS, Duration::from_millis(200)).await;
    gateways.recovered().await;
    let (limiter, request) = (gateways.limiters[0].clone(), gateways.request("key", LIMIT));
    let calls = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let limiter = limiter.for_this_thread().await;
            // The thread is busy for longer than the time limit, at every stage of a call.
            for stage in 0..5 {
                let busy = async {
                    for _ in 0..stage {
                        tokio::task::yield_now().await;
                    }
                    std::thread::sleep(Duration::from_millis(300));
                };
                let (decision, ()) = tokio::join!(limiter.acquire(request.clone()), busy);
                assert!(decision.allowed());
                assert_eq!(limiter.status(), LimiterStatus::Ready);
            }
        });
    });
    calls.await.unwrap();
    assert_eq!(counted(&redis).await, 5);
}

/// The permits that Redis has counted in its only window.
async fn counted(redis: &RedisServer) -> u32 {
    let script = "return redis.call('GET', redis.call('KEYS', '*')[1])";
    let answer = redis.command(&format!("EVAL \"{script}\" 0")).await.unwrap();
    answer.trim_end().rsplit("\r\n").next().unwrap().parse().unwrap()
}
