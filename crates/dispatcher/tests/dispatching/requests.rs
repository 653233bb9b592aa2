//! What a receiver gets.

use leadgate_domain::EndpointSecrets;
use leadgate_testkit::receiver::Receiver;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::world::{TEST_TIMEOUT, World};

async fn secrets(world: &World, endpoint: &leadgate_domain::Endpoint) -> EndpointSecrets {
    world.store.endpoint_with_secrets(world.organization.id, endpoint.id).await.unwrap().unwrap().1
}

#[tokio::test]
async fn a_request_is_signed_and_has_the_endpoints_headers() {
    let (world, receiver) = (World::start().await, Receiver::start().await.unwrap());
    let endpoint = world.endpoint(&receiver.url(), json!({})).await;
    let event = world.event(&endpoint).await;
    let request = receiver.await_requests(1, TEST_TIMEOUT).await.unwrap().remove(0);
    assert_eq!((request.path.as_str(), request.header("x-api-key")), ("/hook", "secret-key-1"));
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(request.header("webhook-id"), event.to_string());
    let timestamp: i64 = request.header("webhook-timestamp").parse().unwrap();
    let secrets = secrets(&world, &endpoint).await;
    let signature = secrets.current().sign(&event.to_string(), timestamp, &request.body);
    assert_eq!(request.header("webhook-signature"), signature);
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!((&body["id"], &body["type"], &body["data"]), (&json!(event), &json!("test"), &json!({})));
    assert_eq!(world.attempts(&endpoint, 1).await[0].result, "delivered");
    assert_eq!(world.counts(&endpoint).await.pending, 0);
    world.stop().await;
}

#[tokio::test]
async fn after_a_rotation_both_secrets_sign() {
    let (world, receiver) = (World::start().await, Receiver::start().await.unwrap());
    let endpoint = world.endpoint(&receiver.url(), json!({})).await;
    let old = secrets(&world, &endpoint).await;
    let rotated = old
        .clone()
        .rotated(leadgate_domain::Timestamp::now(), leadgate_domain::Timestamp::now().plus(TEST_TIMEOUT));
    let entry = world.store.entry(world.organization.id, leadgate_domain::AuditAction::EndpointSecretRotated);
    world.store.update_endpoint(&endpoint, Some(&rotated), entry).await.unwrap().unwrap();
    let event = world.event(&endpoint).await.to_string();
    let request = receiver.await_requests(1, TEST_TIMEOUT).await.unwrap().remove(0);
    let timestamp: i64 = request.header("webhook-timestamp").parse().unwrap();
    let sign = |secrets: &EndpointSecrets| secrets.current().sign(&event, timestamp, &request.body);
    assert_eq!(request.header("webhook-signature"), format!("{} {}", sign(&rotated), sign(&old)));
    world.stop().await;
}

#[tokio::test]
async fn the_form_of_abc_sales_ai_has_its_headers() {
    let (world, receiver) = (World::start().await, Receiver::start().await.unwrap());
    let endpoint = world.endpoint(&receiver.url(), json!({ "form": "abc_sales" })).await;
    let event = world.event(&endpoint).await;
    let request = receiver.await_requests(1, TEST_TIMEOUT).await.unwrap().remove(0);
    let secrets = secrets(&world, &endpoint).await;
    assert_eq!(request.header("x-abcsalesai-signature"), secrets.current().hex_mac(&request.body));
    assert_eq!(request.header("x-abcsalesai-delivery"), event.to_string());
    assert_eq!(request.header("x-abcsalesai-event"), "test");
    assert_eq!(request.header("user-agent"), "Engagematic-Webhook-Dispatcher/1.0");
    assert!(!request.headers.contains_key("webhook-signature"));
    assert!(secrets.current().as_text().expose_secret().starts_with("whsec_"));
    world.stop().await;
}
