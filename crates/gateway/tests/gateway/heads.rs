//! Request headers that are refused.

use crate::raw::{exchange, exchange_all};
use crate::world::{World, send};

const LEAD: &str = r#"{"phone":"1"}"#;

#[tokio::test]
async fn a_body_of_an_unsupported_type_is_refused() {
    let world = World::start().await;
    let bare = || world.client.post(world.url("/v1/leads")).bearer_auth(&world.key).body(LEAD);
    for kind in [
        "text/html",
        "application/json; charset=utf-16",
        "multipart/form-data",
        "application/octet-stream",
        "",
    ] {
        let answer = send(bare().header("content-type", kind)).await;
        assert_eq!(answer.problem(), (415, "unsupported_media_type"), "{kind}");
    }
    for coding in ["gzip", "br", "deflate", "gzip, gzip", "x"] {
        let answer = send(world.post().body(LEAD).header("content-encoding", coding)).await;
        assert_eq!(answer.problem(), (415, "unsupported_encoding"), "{coding}");
        assert_eq!(answer.header("accept-encoding"), "identity");
    }
    assert_eq!(world.published().await, 0);
    let with = |kind: &'static str| bare().header("content-type", kind);
    for request in [bare(), with("text/plain"), with("application/x-www-form-urlencoded")] {
        assert_eq!(send(request).await.status, 202, "the body is read as JSON");
    }
    world.end().await;
}

#[tokio::test]
async fn an_invalid_idempotency_key_is_refused() {
    let world = World::start().await;
    for key in ["", "\"\"", "a b", &"k".repeat(256), "\u{fc}"] {
        let answer = send(world.post().body(LEAD).header("idempotency-key", key)).await;
        assert_eq!(answer.problem(), (400, "invalid_idempotency_key"), "{key}");
    }
    let twice = world.post().body(LEAD).header("idempotency-key", "a").header("idempotency-key", "a");
    assert_eq!(send(twice).await.problem(), (400, "invalid_idempotency_key"));
    assert_eq!(world.published().await, 0);
    world.end().await;
}

/// These requests are refused by the HTTP server, without a problem document.
#[tokio::test]
async fn malformed_http_is_refused_by_the_server() {
    let world = World::start().await;
    world.until_ready_is(200).await;
    let many: String = (0..97).map(|number| format!("X-{number}: 1\r\n")).collect();
    for (request, expected) in [
        ("POST /v1/leads HTTP/1.1\r\nContent-Length: 0\r\n\r\n".to_owned(), 400),
        ("POST /v1/leads HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 0\r\n\r\n".to_owned(), 400),
        (format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{many}\r\n"), 431),
        (format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(140_000)), 431),
        ("GET /\u{1} HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 400),
        ("garbage\r\n\r\n".to_owned(), 400),
    ] {
        let answer = exchange(world.address, request.as_bytes()).await.unwrap();
        assert_eq!(answer.status, expected, "{}", &request[..60.min(request.len())]);
    }
    world.end().await;
}

#[tokio::test]
async fn a_long_user_agent_is_truncated() {
    let world = World::start().await;
    let long = "x".repeat(60_000);
    assert_eq!(send(world.post().body(LEAD).header("user-agent", &long)).await.status, 202);
    assert_eq!(world.only_submission().await.client.user_agent.unwrap().len(), 512);
    world.end().await;
}

#[tokio::test]
async fn the_key_of_a_request_is_not_stored() {
    let world = World::start().await;
    let agent = format!("{} {}", "x".repeat(500), world.key);
    let body = format!(r#"{{"phone":"1","{}":"x"}}"#, world.key);
    assert_eq!(send(world.post().body(body).header("user-agent", agent)).await.status, 202);
    let stored = serde_json::to_string(&world.only_submission().await).unwrap();
    let secret = world.key.split('_').rev().nth(1).unwrap();
    assert!(!stored.contains(&secret[..8]), "{stored}");
    world.end().await;
}

#[tokio::test]
async fn http_1_0_and_pipelining_clients_are_served() {
    let world = World::start().await;
    world.until_ready_is(200).await;
    let old = exchange(world.address, b"GET /healthz HTTP/1.0\r\n\r\n").await.unwrap();
    assert_eq!(old.status, 200);
    let absolute =
        exchange(world.address, b"GET http://x/healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_eq!(absolute.status, 200);
    let one = format!(
        "POST /v1/leads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{LEAD}",
        world.key,
        LEAD.len()
    );
    let last = one.replace("Host: x", "Host: x\r\nConnection: close");
    let all = exchange_all(world.address, &(one.repeat(99) + &last)).await;
    assert_eq!(all.matches("HTTP/1.1 202 Accepted").count(), 100, "pipelined");
    world.end().await;
}

#[tokio::test]
async fn a_client_with_expect_continue_is_refused_before_it_sends_the_body() {
    let world = World::start().await;
    world.until_ready_is(200).await;
    let head =
        "POST /v1/leads HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n\r\n";
    let answer = exchange(world.address, head.as_bytes()).await.unwrap();
    assert_eq!(answer.problem(), (401, "missing_credentials"), "the body is not waited for");
    world.end().await;
}
