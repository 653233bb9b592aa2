//! Shutdown of the gateway.

use std::time::{Duration, Instant};

use leadgate_gateway::GatewayConfig;
use leadgate_limiter::LimiterConfig;
use leadgate_testkit::proxy::{Direction, Proxy, ProxyMode};
use leadgate_testkit::servers::RedisServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::{World, config};

const LEAD: &str = r#"{"phone":"1"}"#;

/// A post in flight that waits for its body.
async fn in_flight(world: &World) -> TcpStream {
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let head = format!(
        "POST /v1/leads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        world.key,
        LEAD.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut interim_response = [0; 25];
    stream.read_exact(&mut interim_response).await.unwrap();
    assert_eq!(&interim_response, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

#[tokio::test]
async fn at_shutdown_requests_in_flight_are_answered_and_new_ones_refused() {
    let world = World::start().await;
    world.until_ready_is(200).await;
    let mut stream = in_flight(&world).await;
    world.stop.cancel();
    while TcpStream::connect(world.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!world.serving.is_finished(), "a request is in flight");
    stream.write_all(LEAD.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 202 Accepted"), "{answer}");
    assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
    assert_eq!(world.published().await, 1);
    world.end().await;
}

#[tokio::test]
async fn an_idle_connection_does_not_delay_shutdown() {
    let world = World::start().await;
    world.until_ready_is(200).await;
    let mut idle = TcpStream::connect(world.address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(idle.read(&mut [0; 1_000]).await.unwrap() > 0);
    let started = Instant::now();
    world.end().await;
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    assert_eq!(idle.read(&mut [0; 10]).await.unwrap_or_default(), 0);
}

#[tokio::test]
async fn shutdown_does_not_wait_for_a_client_that_never_ends() {
    let shutdown_timeout = Duration::from_secs(1);
    let world = World::with(GatewayConfig { shutdown_timeout, ..config() }).await;
    world.until_ready_is(200).await;
    let _unfinished_request = in_flight(&world).await;
    let started = Instant::now();
    world.end().await;
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
}

/// Each thread has calls to Redis of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_waits_for_the_limiters_of_all_threads() {
    let redis = RedisServer::start().await.unwrap();
    let proxy = Proxy::start(redis.port().unwrap()).await.unwrap();
    let limiter = LimiterConfig {
        url: format!("redis://127.0.0.1:{}/", proxy.port()),
        timeout: Duration::from_secs(20),
        // A gateway that counts alone grants a thousandth of the limit.
        gateways: 1_000,
        ..LimiterConfig::default()
    };
    let world = World::with_limiter(limiter, GatewayConfig { threads: 2, ..config() }).await;
    world.until_ready_is(200).await;
    proxy.set(ProxyMode::HalfOpen).await.unwrap();
    let post = format!(
        "POST /v1/leads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{LEAD}",
        world.key,
        LEAD.len()
    );
    let mut streams = Vec::new();
    // The threads take turns with new connections.
    for _ in 0..2 {
        let before = proxy.bytes(Direction::ToServer);
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(post.as_bytes()).await.unwrap();
        streams.push(stream);
        while proxy.bytes(Direction::ToServer) == before {
            tokio::task::yield_now().await;
        }
    }
    world.stop.cancel();
    while TcpStream::connect(world.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    proxy.set(ProxyMode::Pass).await.unwrap();
    for stream in &mut streams {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 202 Accepted"), "{answer}");
        assert!(answer.contains("x-ratelimit-remaining: 99999"), "counted in Redis: {answer}");
    }
    world.end().await;
}
