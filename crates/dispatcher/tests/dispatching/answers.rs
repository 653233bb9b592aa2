//! What an answer, or the lack of one, means.

use std::net::Ipv4Addr;
use std::time::Duration;

use leadgate_dispatcher::DispatcherConfig;
use leadgate_testkit::receiver::{Answer, Receiver};
use leadgate_testkit::servers::RedisServer;
use leadgate_testkit::tls::CertificateAuthority;
use serde_json::json;

use crate::world::{TEST_TIMEOUT, World, config};

#[tokio::test]
async fn each_answer_has_its_result() {
    let world = World::with(DispatcherConfig { timeout: Duration::from_millis(500), ..config() }).await;
    let private = Receiver::start().await.unwrap();
    let redirect = vec![("Location", private.url())];
    let busy = vec![("Retry-After", "120".to_owned())];
    let cases = [
        (Answer::status(200), "delivered", Some(200)),
        (Answer::status(299), "delivered", Some(299)),
        (Answer::Large, "delivered", Some(200)),
        (Answer::Drip, "delivered", Some(200)),
        (Answer::CloseAfterStatus, "delivered", Some(200)),
        (Answer::Response(301, redirect, String::new()), "redirect", Some(301)),
        (Answer::status(400), "refused", Some(400)),
        (Answer::status(410), "gone", Some(410)),
        (Answer::Response(429, busy.clone(), String::new()), "busy", Some(429)),
        (Answer::status(429), "busy", Some(429)),
        (Answer::Response(503, busy, String::new()), "busy", Some(503)),
        (Answer::status(503), "server_error", Some(503)),
        (Answer::Close, "connection_lost", None),
        (Answer::Hang, "timed_out", None),
    ];
    for (answer, result, status) in cases {
        let receiver = Receiver::start().await.unwrap();
        receiver.answer(answer.clone());
        let endpoint = world.endpoint(&receiver.url(), json!({ "retry": ["0s"] })).await;
        world.event(&endpoint).await;
        let attempt = world.attempts(&endpoint, 1).await.remove(0);
        assert_eq!((attempt.result.as_str(), attempt.status), (result, status), "{answer:?}");
        assert!(attempt.response.unwrap_or_default().len() <= 4_096);
    }
    assert_eq!(private.received(), [], "a redirect is not followed");
    world.stop().await;
}

#[tokio::test]
async fn the_beginning_of_an_answer_is_kept() {
    let (world, receiver) = (World::start().await, Receiver::start().await.unwrap());
    let body = format!("no such list\0 for secret-key-1 {}", "x".repeat(10_000));
    receiver.answer(Answer::Response(422, Vec::new(), body));
    let endpoint = world.endpoint(&receiver.url(), json!({ "retry": ["0s"] })).await;
    world.event(&endpoint).await;
    let response = world.attempts(&endpoint, 1).await[0].response.clone().unwrap();
    let begins = "no such list\u{fffd} for (removed) xxx";
    assert!(response.starts_with(begins), "the header of the endpoint is not stored: {response}");
    assert_eq!(response.chars().count(), 4_096 + "(removed)".len() - "secret-key-1".len());
    assert_eq!(world.counts(&endpoint).await.exhausted, 1);
    world.stop().await;
}

#[tokio::test]
async fn hosts_that_cannot_be_reached_have_their_results() {
    let world = World::start().await;
    let closed = Receiver::start().await.unwrap().port();
    for (url, result) in [
        (format!("http://127.0.0.1:{closed}/"), "connect_failed"),
        ("http://no-such-host.invalid/".to_owned(), "unknown_host"),
        ("http://10.0.0.1/".to_owned(), "address_refused"),
    ] {
        let endpoint = world.endpoint(&url, json!({})).await;
        world.event(&endpoint).await;
        assert_eq!(world.attempts(&endpoint, 1).await[0].result, result, "{url}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_server_whose_certificate_is_not_trusted_gets_nothing() {
    let world = World::start().await;
    let authority = CertificateAuthority::new().unwrap();
    let certificate = authority.issue(Ipv4Addr::LOCALHOST.into()).unwrap();
    let server = RedisServer::start_with_tls(&certificate).await.unwrap();
    let url = format!("https://127.0.0.1:{}/", server.tls_port().unwrap());
    let endpoint = world.endpoint(&url, json!({})).await;
    world.event(&endpoint).await;
    assert_eq!(world.attempts(&endpoint, 1).await[0].result, "tls_failed");
    world.stop().await;
}

/// The default guard refuses the address of the receiver in all forms.
#[tokio::test]
async fn no_connection_is_opened_to_a_private_address() {
    let world = World::with(DispatcherConfig::default()).await;
    let receiver = Receiver::start().await.unwrap();
    let port = receiver.port();
    for host in
        ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]", "0.0.0.0"]
    {
        let endpoint = world.endpoint(&format!("http://{host}:{port}/"), json!({})).await;
        world.event(&endpoint).await;
        assert_eq!(world.attempts(&endpoint, 1).await[0].result, "address_refused", "{host}");
    }
    assert_eq!(receiver.received(), []);
    world.stop().await;
}

#[tokio::test]
async fn a_failed_delivery_is_attempted_again() {
    let (world, receiver) = (World::start().await, Receiver::start().await.unwrap());
    receiver.answer(Answer::status(500));
    let endpoint = world.endpoint(&receiver.url(), json!({ "retry": ["0s", "1s", "1s"] })).await;
    let event = world.event(&endpoint).await;
    world.attempts(&endpoint, 1).await;
    receiver.answer(Answer::status(204));
    let attempts = world.attempts(&endpoint, 2).await;
    let results: Vec<_> = attempts.iter().map(|attempt| (attempt.number, attempt.result.as_str())).collect();
    assert_eq!(results, [(1, "server_error"), (2, "delivered")]);
    let ids: Vec<_> = receiver.await_requests(2, TEST_TIMEOUT).await.unwrap();
    assert!(ids.iter().all(|request| request.header("webhook-id") == event.to_string()), "the id stays");
    assert_ne!(ids[0].header("webhook-signature"), "");
    world.stop().await;
}
