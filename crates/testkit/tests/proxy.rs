//! Tests of all modes of the proxy, with real sockets and an echo server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::time::{Duration, Instant};

use leadgate_testkit::proxy::{Direction, Proxy, ProxyMode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(5);
const NEVER: Duration = Duration::from_millis(150);

async fn echo() -> std::io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.split();
                tokio::io::copy(&mut reader, &mut writer).await
            });
        }
    });
    Ok(port)
}

struct Client(TcpStream);

impl Client {
    async fn connect(proxy: &Proxy) -> std::io::Result<Self> {
        TcpStream::connect(("127.0.0.1", proxy.port())).await.map(Self)
    }

    async fn send(&mut self, text: &str) -> std::io::Result<()> {
        self.0.write_all(text.as_bytes()).await
    }

    async fn receive(&mut self, length: usize) -> std::io::Result<String> {
        let mut buffer = vec![0; length];
        self.0.read_exact(&mut buffer).await?;
        Ok(String::from_utf8_lossy(&buffer).into_owned())
    }

    async fn receive_soon(&mut self, length: usize) -> anyhow::Result<String> {
        Ok(timeout(SOON, self.receive(length)).await??)
    }

    /// Reads until the connection is closed.
    async fn rest(&mut self) -> anyhow::Result<std::io::Result<String>> {
        let mut text = String::new();
        Ok(timeout(SOON, self.0.read_to_string(&mut text)).await?.map(|_| text))
    }
}

async fn proxied_client() -> anyhow::Result<(Proxy, Client)> {
    let proxy = Proxy::start(echo().await?).await?;
    let mut client = Client::connect(&proxy).await?;
    client.send("hello").await?;
    assert_eq!(client.receive_soon(5).await?, "hello");
    Ok((proxy, client))
}

#[tokio::test]
async fn connections_and_bytes_are_counted() -> anyhow::Result<()> {
    let (proxy, mut client) = proxied_client().await?;
    assert_eq!((proxy.connections(), proxy.open_connections()), (1, 1));
    client.0.shutdown().await?;
    assert_eq!(client.rest().await??, "");
    assert_eq!((proxy.bytes(Direction::ToServer), proxy.bytes(Direction::ToClient)), (5, 5));
    Client::connect(&proxy).await?.send("x").await?;
    let mut third = Client::connect(&proxy).await?;
    third.send("y").await?;
    third.receive_soon(1).await?;
    assert_eq!(proxy.connections(), 3);
    Ok(())
}

#[tokio::test]
async fn close_closes_and_refuses_connections_until_pass() -> anyhow::Result<()> {
    let (proxy, mut client) = proxied_client().await?;
    proxy.set(ProxyMode::Close).await?;
    assert_eq!(client.rest().await??, "");
    let refused = Client::connect(&proxy).await.map(drop).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    proxy.set(ProxyMode::Pass).await?;
    let mut client = Client::connect(&proxy).await?;
    client.send("again").await?;
    assert_eq!(client.receive_soon(5).await?, "again");
    Ok(())
}

#[tokio::test]
async fn reset_resets_open_and_new_connections() -> anyhow::Result<()> {
    let (proxy, mut client) = proxied_client().await?;
    proxy.set(ProxyMode::Reset).await?;
    assert_eq!(client.rest().await?.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    let mut another = Client::connect(&proxy).await?;
    assert_eq!(another.rest().await?.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    Ok(())
}

#[tokio::test]
async fn half_open_passes_requests_and_holds_back_responses() -> anyhow::Result<()> {
    let (proxy, mut client) = proxied_client().await?;
    proxy.set(ProxyMode::HalfOpen).await?;
    client.send("world").await?;
    assert!(timeout(NEVER, client.receive(5)).await.is_err());
    assert_eq!((proxy.bytes(Direction::ToServer), proxy.bytes(Direction::ToClient)), (10, 5));
    proxy.set(ProxyMode::Pass).await?;
    assert_eq!(client.receive_soon(5).await?, "world");
    Ok(())
}

#[tokio::test]
async fn a_blackhole_holds_everything_back() -> anyhow::Result<()> {
    let (proxy, mut client) = proxied_client().await?;
    proxy.set(ProxyMode::Blackhole).await?;
    let mut new_client = Client::connect(&proxy).await?;
    client.send("world").await?;
    new_client.send("first").await?;
    assert!(timeout(NEVER, client.receive(1)).await.is_err());
    assert!(timeout(NEVER, new_client.receive(1)).await.is_err());
    assert_eq!(proxy.bytes(Direction::ToServer), 5);
    proxy.set(ProxyMode::Pass).await?;
    assert_eq!(client.receive_soon(5).await?, "world");
    assert_eq!(new_client.receive_soon(5).await?, "first");
    Ok(())
}

#[tokio::test]
async fn a_delay_does_not_limit_the_rate() -> anyhow::Result<()> {
    let (proxy, mut client) = proxied_client().await?;
    proxy.set(ProxyMode::Delay(Duration::from_millis(100))).await?;
    let started = Instant::now();
    for _ in 0..10 {
        client.send("0123456789").await?;
        tokio::task::yield_now().await;
    }
    client.receive_soon(100).await?;
    let (least, most) = (Duration::from_millis(200), Duration::from_millis(1_900));
    assert!((least..most).contains(&started.elapsed()), "took {:?}", started.elapsed());
    Ok(())
}

#[tokio::test]
async fn close_after_counts_bytes_of_one_direction() -> anyhow::Result<()> {
    let (proxy, mut client) = proxied_client().await?;
    proxy.set(ProxyMode::CloseAfter(Direction::ToClient, 3)).await?;
    client.send("world").await?;
    assert_eq!(client.rest().await?.unwrap_or_else(|_| "wor".to_owned()), "wor");
    assert_eq!((proxy.bytes(Direction::ToServer), proxy.bytes(Direction::ToClient)), (10, 8));
    let mut another = Client::connect(&proxy).await?;
    another.send("ab").await?;
    assert_eq!(another.receive_soon(2).await?, "ab");
    another.send("cd").await?;
    assert_eq!(another.receive_soon(1).await?, "c");
    Ok(())
}

#[tokio::test]
async fn throttle_limits_the_rate() -> anyhow::Result<()> {
    let (proxy, mut client) = proxied_client().await?;
    proxy.set(ProxyMode::Throttle(1_000)).await?;
    let started = Instant::now();
    client.send(&"x".repeat(300)).await?;
    client.receive_soon(300).await?;
    assert!(started.elapsed() >= Duration::from_millis(250), "took {:?}", started.elapsed());
    Ok(())
}

#[tokio::test]
async fn dropping_the_proxy_closes_its_connections() -> anyhow::Result<()> {
    let (proxy, mut client) = proxied_client().await?;
    drop(proxy);
    assert_eq!(client.rest().await??, "");
    Ok(())
}
