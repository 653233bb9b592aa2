//! Endpoints with a template.

use std::time::Duration;

use leadgate_dispatcher::DispatcherConfig;
use leadgate_testkit::receiver::{Answer, Receiver};
use serde_json::{Value, json};

use crate::world::{TEST_TIMEOUT, World, config};

fn template(encoding: &str, success: Value) -> Value {
    json!({ "retry": ["0s"], "form": { "template": {
        "encoding": encoding,
        "rules": [{ "to": "kind", "from": ["/event/type"] }, { "to": "list", "constant": "a b" }],
        "success": success,
    }}})
}

#[tokio::test]
async fn fields_are_sent_in_the_body_or_in_the_query() {
    let (world, receiver) = (World::start().await, Receiver::start().await.unwrap());
    let posted = world.endpoint(&receiver.url(), template("form", json!({}))).await;
    world.event(&posted).await;
    let requests = receiver.await_requests(1, TEST_TIMEOUT).await.unwrap();
    assert_eq!(requests[0].body, b"kind=test&list=a+b");
    assert_eq!(requests[0].header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(requests[0].header("x-api-key"), "secret-key-1");
    let url = format!("{}?key=7", receiver.url());
    let queried = world.endpoint(&url, template("query", json!({}))).await;
    world.event(&queried).await;
    let requests = receiver.await_requests(2, TEST_TIMEOUT).await.unwrap();
    assert_eq!(requests[1].path, "/hook?key=7&kind=test&list=a+b");
    assert_eq!((requests[1].body.len(), requests[1].header("content-type")), (0, ""));
    world.stop().await;
}

#[tokio::test]
async fn a_success_is_what_the_template_says() {
    let world = World::with(DispatcherConfig { timeout: Duration::from_secs(5), ..config() }).await;
    let success = json!({ "statuses": ["200", "302", "410-429"], "body": "(?i)\"result\": *\"accepted\"" });
    let answer = |status, body: &str| Answer::Response(status, Vec::new(), body.to_owned());
    let accepted = r#"{"result": "Accepted"}"#;
    for (answer, result) in [
        (answer(200, accepted), "delivered"),
        (answer(302, accepted), "delivered"),
        (answer(200, r#"{"result": "duplicate"}"#), "refused"),
        (answer(201, accepted), "refused"),
        (answer(404, accepted), "refused"),
        (answer(500, accepted), "server_error"),
        (answer(301, accepted), "redirect"),
        (Answer::status(410), "gone"),
        (Answer::status(429), "busy"),
        (Answer::CloseAfterStatus, "connection_lost"),
        (Answer::Drip, "timed_out"),
    ] {
        let receiver = Receiver::start().await.unwrap();
        receiver.answer(answer.clone());
        let endpoint = world.endpoint(&receiver.url(), template("json", success.clone())).await;
        world.event(&endpoint).await;
        let attempt = world.attempts(&endpoint, 1).await.remove(0);
        assert_eq!(attempt.result, result, "{answer:?}");
        let has_response = !matches!(result, "delivered" | "gone" | "busy" | "connection_lost" | "timed_out");
        assert!(attempt.response.is_some() || !has_response, "{answer:?}");
    }
    world.stop().await;
}

/// A template that fails says nothing about the endpoint.
#[tokio::test]
async fn an_event_that_the_template_cannot_send_does_not_harm_the_endpoint() {
    let (world, receiver) = (World::start().await, Receiver::start().await.unwrap());
    let rules = json!([{ "to": "zip", "from": ["state"], "required": true }]);
    let settings = json!({ "retry": ["0s"], "form": { "template": { "rules": rules } } });
    let endpoint = world.endpoint(&receiver.url(), settings).await;
    for _ in 0..6 {
        world.event(&endpoint).await;
    }
    let attempts = world.attempts(&endpoint, 6).await;
    assert!(attempts.iter().all(|attempt| attempt.result == "template_failed"), "{attempts:?}");
    assert_eq!(attempts[0].response.as_deref(), Some("the template failed for `zip`: missing"));
    let now = world.store.endpoint(world.organization.id, endpoint.id).await.unwrap().unwrap();
    assert_eq!((now.health.state.as_str(), now.health.failures), ("healthy", 0));
    assert_eq!((receiver.received(), world.counts(&endpoint).await.exhausted), (Vec::new(), 6));
    world.stop().await;
}
