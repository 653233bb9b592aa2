//! Limits for each address that leads come from.

use crate::metrics::with_redis_in_time;
use crate::systems::{Way, send};
use crate::world::{Settings, Shape, World, http};

/// Posts as somebody whom proxies know by these addresses; what is left to them, or nothing.
async fn post(way: &Way, forwarded: &str) -> Option<u32> {
    let mut request = http().post(&way.url).body(r#"{"email":"from@example.com"}"#);
    request = request.header("content-type", "application/json");
    if !forwarded.is_empty() {
        request = request.header("x-forwarded-for", forwarded);
    }
    let got = send(request).await;
    match got.status {
        200 => Some(got.header("x-ratelimit-remaining").parse().unwrap()),
        429 => None,
        _ => panic!("{}", got.text),
    }
}

/// What is left after each of these.
async fn left(world: &World, forwarded: &[&str]) -> Vec<Option<u32>> {
    let trial = async |_| {
        let way = Way::into(world, "500_leads").await;
        let mut left = Vec::new();
        for forwarded in forwarded {
            left.push(post(&way, forwarded).await);
        }
        left
    };
    with_redis_in_time(&[&world.base], trial).await
}

/// How lists are written in the environment.
const PROXIES: Settings<'_> = &[("LEADGATE_GATEWAY_TRUSTED_PROXIES", r#"["127.0.0.1", "10.0.0.0/8"]"#)];

async fn has_its_own_limit(shape: Shape) {
    let world = World::start_with(shape, "addresses", PROXIES).await;
    let table = [
        ("198.51.100.1", 99),
        ("198.51.100.2", 99),
        ("198.51.100.1", 98),
        // What the client wrote itself stands left of what the proxy saw.
        ("203.0.113.9, 198.51.100.1", 97),
        ("198.51.100.2, 198.51.100.1", 96),
        ("10.0.0.9, 127.0.0.1, 198.51.100.1", 95),
        ("not an address, 198.51.100.1", 94),
        // Another proxy on the way, and other ways to write the same.
        ("198.51.100.1, 10.0.0.7", 93),
        ("203.0.113.9, 198.51.100.1, 10.0.0.7", 92),
        ("198.51.100.1:50123", 91),
        ("::ffff:198.51.100.1", 90),
        ("198.51.100.2", 98),
        // One household, two households.
        ("2001:db8:0:1::1", 99),
        ("2001:db8:0:1:ffff::2", 98),
        ("[2001:db8:0:1:abcd::3]:443", 97),
        ("2001:db8:0:2::1", 99),
        // The proxy's own.
        ("", 99),
    ];
    let forwarded = table.map(|(forwarded, _)| forwarded);
    let expected = table.map(|(_, left)| Some(left));
    assert_eq!(left(&world, &forwarded).await, expected);
    println!("{shape:?}: {} posts from five addresses, each counted where it belongs", table.len());
}

#[tokio::test]
async fn an_address_behind_a_proxy_has_its_own_limit_embedded() {
    has_its_own_limit(Shape::Embedded).await;
}

#[tokio::test]
async fn an_address_behind_a_proxy_has_its_own_limit_in_production() {
    has_its_own_limit(Shape::Production).await;
}

#[tokio::test]
async fn who_used_up_a_hundred_is_refused_and_nobody_else() {
    let world = World::start_with(Shape::Embedded, "address-limit", PROXIES).await;
    let mut posts = vec!["198.51.100.1"; 101];
    posts.extend(["203.0.113.9, 198.51.100.1", "198.51.100.2"]);
    let left = left(&world, &posts).await;
    println!("{} of {} admitted", left.iter().flatten().count(), posts.len());
    assert_eq!(left[..100], (0..100).rev().map(Some).collect::<Vec<_>>());
    assert_eq!(left[100..], [None, None, Some(99)]);
}

#[tokio::test]
async fn nobody_chooses_an_address_without_a_proxy() {
    let world = World::start(Shape::Embedded, "no-proxy").await;
    let forwarded = ["198.51.100.1", "198.51.100.2", "2001:db8::1", ""];
    assert_eq!(left(&world, &forwarded).await, [99, 98, 97, 96].map(Some));
}
