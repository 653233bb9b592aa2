//! Clients that wait for the outcome of a lead, and clients that do not.

use std::time::{Duration, Instant};

use leadgate_domain::Dialect;
use leadgate_gateway::GatewayConfig;
use serde_json::json;

use crate::world::{Answer, World, config, send};

async fn post(world: &World, key: &str, prefer: &str, phone: &str) -> Answer {
    let request = world.client.post(world.url("/v1/leads")).bearer_auth(key).header("prefer", prefer);
    send(request.header("content-type", "application/json").body(json!({ "phone": phone }).to_string())).await
}

#[tokio::test]
async fn a_native_client_waits_if_it_requests_it() {
    let world = World::start().await;
    world.start_worker().await;
    let created = post(&world, &world.key, "wait=5", "+14155550111").await;
    assert_eq!((created.status, created.header("preference-applied")), (201, "wait=5"), "{}", created.body);
    let id = created.body["id"].clone();
    assert_eq!(
        created.body,
        json!({ "id": id, "outcome": "created", "lead_id": id, "status": "new", "eligibility": "held",
                "reasons": ["consent_missing"] })
    );
    let duplicate = post(&world, &world.key, "wait=5", "+14155550111").await;
    assert_eq!(
        (duplicate.status, &duplicate.body["outcome"], &duplicate.body["lead_id"]),
        (200, &json!("duplicate"), &id)
    );
    assert_ne!(duplicate.body["id"], id);
    let at_once = post(&world, &world.key, "respond-async", "+14155550112").await;
    assert_eq!((at_once.status, at_once.header("preference-applied")), (202, "respond-async"));
    world.end().await;
}

#[tokio::test]
async fn after_the_reply_timeout_the_response_is_queued() {
    let reply_timeout = Duration::from_millis(300);
    let world = World::with(GatewayConfig { reply_timeout, ..config() }).await;
    let (_, key) = world.source_of(Dialect::AskAd, |_| {}).await;
    let started = Instant::now();
    let request = world.client.post(world.url("/api/v1/leads/inbound")).bearer_auth(&key);
    let answer =
        send(request.header("content-type", "application/json").body(r#"{"email":"a@example.com"}"#)).await;
    assert_eq!((answer.status, &answer.body["status"]), (202, &json!("queued")), "{}", answer.body);
    assert!((reply_timeout..Duration::from_secs(2)).contains(&started.elapsed()), "{:?}", started.elapsed());
    let id = answer.body["id"].as_str().unwrap();
    world.work().await;
    let found = send(world.get(&format!("/v1/leads/{id}"))).await;
    assert_eq!(found.body["submission"]["outcome"], "created");
    world.end().await;
}
