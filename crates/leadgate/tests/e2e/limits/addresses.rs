//! Rate limits per client address.

use crate::metrics::with_redis_in_time;
use crate::systems::{TestSource, send};
use crate::world::{Settings, Shape, World, http};

/// Posts with these addresses in `X-Forwarded-For`. Returns the number of remaining requests, or `None` for a
/// 429.
async fn post(source: &TestSource, forwarded: &str) -> Option<u32> {
    let mut request = http().post(&source.url).body(r#"{"email":"from@example.com"}"#);
    request = request.header("content-type", "application/json");
    if !forwarded.is_empty() {
        request = request.header("x-forwarded-for", forwarded);
    }
    let response = send(request).await;
    match response.status {
        200 => Some(response.header("x-ratelimit-remaining").parse().unwrap()),
        429 => None,
        _ => panic!("{}", response.text),
    }
}

/// The remaining requests after each of these posts.
async fn remaining_after(world: &World, forwarded: &[&str]) -> Vec<Option<u32>> {
    let trial = async |_| {
        let source = TestSource::create(world, "500_leads").await;
        let mut remaining = Vec::new();
        for forwarded in forwarded {
            remaining.push(post(&source, forwarded).await);
        }
        remaining
    };
    with_redis_in_time(&[&world.base], trial).await
}

/// Trusted proxies.
const PROXIES: Settings<'_> = &[("LEADGATE_GATEWAY_TRUSTED_PROXIES", r#"["127.0.0.1", "10.0.0.0/8"]"#)];

async fn an_address_behind_a_proxy_has_its_own_limit(shape: Shape) {
    let world = World::start_with(shape, "addresses", PROXIES).await;
    let table = [
        ("198.51.100.1", 99),
        ("198.51.100.2", 99),
        ("198.51.100.1", 98),
        // Addresses that the client sent are left of the one that the proxy added.
        ("203.0.113.9, 198.51.100.1", 97),
        ("198.51.100.2, 198.51.100.1", 96),
        ("10.0.0.9, 127.0.0.1, 198.51.100.1", 95),
        ("not an address, 198.51.100.1", 94),
        // A second proxy, and other notations of the same address.
        ("198.51.100.1, 10.0.0.7", 93),
        ("203.0.113.9, 198.51.100.1, 10.0.0.7", 92),
        ("198.51.100.1:50123", 91),
        ("::ffff:198.51.100.1", 90),
        ("198.51.100.2", 98),
        // Two IPv6 networks (/64).
        ("2001:db8:0:1::1", 99),
        ("2001:db8:0:1:ffff::2", 98),
        ("[2001:db8:0:1:abcd::3]:443", 97),
        ("2001:db8:0:2::1", 99),
        // The address of the proxy.
        ("", 99),
    ];
    let forwarded = table.map(|(forwarded, _)| forwarded);
    let expected = table.map(|(_, remaining)| Some(remaining));
    assert_eq!(remaining_after(&world, &forwarded).await, expected);
    println!("{shape:?}: {} posts from five addresses, each counted where it belongs", table.len());
}

#[tokio::test]
async fn an_address_behind_a_proxy_has_its_own_limit_embedded() {
    an_address_behind_a_proxy_has_its_own_limit(Shape::Embedded).await;
}

#[tokio::test]
async fn an_address_behind_a_proxy_has_its_own_limit_distributed() {
    an_address_behind_a_proxy_has_its_own_limit(Shape::Distributed).await;
}

#[tokio::test]
async fn only_the_address_over_its_limit_is_refused() {
    let world = World::start_with(Shape::Embedded, "address-limit", PROXIES).await;
    let mut posts = vec!["198.51.100.1"; 101];
    posts.extend(["203.0.113.9, 198.51.100.1", "198.51.100.2"]);
    let remaining = remaining_after(&world, &posts).await;
    println!("{} of {} admitted", remaining.iter().flatten().count(), posts.len());
    assert_eq!(remaining[..100], (0..100).rev().map(Some).collect::<Vec<_>>());
    assert_eq!(remaining[100..], [None, None, Some(99)]);
}

#[tokio::test]
async fn forwarded_addresses_are_ignored_without_a_proxy() {
    let world = World::start(Shape::Embedded, "no-proxy").await;
    let forwarded = ["198.51.100.1", "198.51.100.2", "2001:db8::1", ""];
    assert_eq!(remaining_after(&world, &forwarded).await, [99, 98, 97, 96].map(Some));
}
