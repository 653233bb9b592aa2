//! Requests through a proxy.

use std::net::Ipv4Addr;
use std::sync::Arc;

use leadgate_dispatcher::{AddressGuard, DispatcherConfig, EgressProxy, HostLookup};
use leadgate_testkit::receiver::{Answer, Receiver};
use serde_json::json;

use crate::world::World;

/// A receiver as the proxy: it gets the whole URL, or `CONNECT` with the host. Its address is private, and its name is
/// looked up.
async fn world(guard: AddressGuard, except: &[&str]) -> (World, Receiver) {
    let proxy = Receiver::start().await.unwrap();
    let url = format!("http://user:secret@localhost:{}", proxy.port()).parse().unwrap();
    let except = except.iter().map(|host| (*host).to_owned()).collect();
    let config =
        DispatcherConfig { proxy: Some(EgressProxy { url, except }), guard, ..DispatcherConfig::default() };
    (World::with(config).await, proxy)
}

#[tokio::test]
async fn a_proxy_gets_all_requests() {
    let (world, proxy) = world(AddressGuard::default(), &[]).await;
    let endpoint = world.endpoint("http://crm.example/hook?list=1", json!({})).await;
    world.event(&endpoint).await;
    assert_eq!(world.attempts(&endpoint, 1).await[0].result, "delivered");
    proxy.answer(Answer::status(502));
    let endpoint = world.endpoint("https://crm.example/hook", json!({})).await;
    world.event(&endpoint).await;
    assert_eq!(world.attempts(&endpoint, 1).await[0].result, "connect_failed");
    let received = proxy.received();
    let paths: Vec<_> = received.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(paths, ["http://crm.example/hook?list=1", "crm.example:443"]);
    assert!(received.iter().all(|request| request.header("proxy-authorization") == "Basic dXNlcjpzZWNyZXQ="));
    assert_eq!(received[1].header("x-api-key"), "", "headers of the endpoint are not for the proxy");
    world.stop().await;
}

#[tokio::test]
async fn private_addresses_in_urls_are_refused_before_the_proxy() {
    let (world, proxy) = world(AddressGuard::default(), &[]).await;
    for host in ["127.0.0.1", "10.0.0.1", "[::1]", "2130706433", "localhost", "crm.localhost."] {
        let endpoint = world.endpoint(&format!("http://{host}/"), json!({})).await;
        world.event(&endpoint).await;
        assert_eq!(world.attempts(&endpoint, 1).await[0].result, "address_refused", "{host}");
    }
    assert_eq!(proxy.received(), []);
    world.stop().await;
}

#[tokio::test]
async fn some_hosts_are_reached_without_the_proxy() {
    let unknown: HostLookup = Arc::new(|_| Box::pin(async { Ok(Vec::new()) }));
    let guard = AddressGuard::new(["127.0.0.1/32".parse().unwrap()]).with_lookup(unknown);
    let (world, proxy) = world(guard, &["127.0.0.0/8", "internal.example"]).await;
    let receiver = Receiver::start().await.unwrap();
    for (url, result) in [
        (receiver.url(), "delivered"),
        (format!("http://127.0.0.2:{}/", receiver.port()), "address_refused"),
        ("http://crm.internal.example/".to_owned(), "unknown_host"),
    ] {
        let endpoint = world.endpoint(&url, json!({})).await;
        world.event(&endpoint).await;
        assert_eq!(world.attempts(&endpoint, 1).await[0].result, result, "{url}");
    }
    assert_eq!((receiver.received().len(), proxy.received()), (1, vec![]));
    world.stop().await;
}

/// Its addresses are not checked, so an endpoint could reach other ports of it.
#[tokio::test]
async fn the_proxy_is_no_endpoint() {
    let here: HostLookup = Arc::new(|_| Box::pin(async { Ok(vec![Ipv4Addr::LOCALHOST.into()]) }));
    let url = "http://proxy.internal.example:3128".parse().unwrap();
    let proxy = Some(EgressProxy { url, except: vec!["internal.example".to_owned()] });
    let guard = AddressGuard::default().with_lookup(here);
    let world = World::with(DispatcherConfig { proxy, guard, ..DispatcherConfig::default() }).await;
    let receiver = Receiver::start().await.unwrap();
    for host in ["proxy.internal.example", "PROXY.internal.example."] {
        let endpoint = world.endpoint(&format!("http://{host}:{}/", receiver.port()), json!({})).await;
        world.event(&endpoint).await;
        assert_eq!(world.attempts(&endpoint, 1).await[0].result, "address_refused", "{host}");
    }
    assert_eq!(receiver.received(), []);
    world.stop().await;
}
