//! Clients who wait to hear what became of their lead, and those who do not.

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
async fn a_native_client_waits_if_it_asks_to() {
    let world = World::start().await;
    world.employ().await;
    let made = post(&world, &world.key, "wait=5", "+14155550111").await;
    assert_eq!((made.status, made.header("preference-applied")), (201, "wait=5"), "{}", made.body);
    let id = made.body["id"].clone();
    assert_eq!(
        made.body,
        json!({ "id": id, "outcome": "created", "lead_id": id, "status": "new", "eligibility": "held",
                "reasons": ["consent_missing"] })
    );
    let met = post(&world, &world.key, "wait=5", "+14155550111").await;
    assert_eq!((met.status, &met.body["outcome"], &met.body["lead_id"]), (200, &json!("duplicate"), &id));
    assert_ne!(met.body["id"], id);
    let at_once = post(&world, &world.key, "respond-async", "+14155550112").await;
    assert_eq!((at_once.status, at_once.header("preference-applied")), (202, "respond-async"));
    world.end().await;
}

#[tokio::test]
async fn nobody_waits_longer_than_the_time_and_then_it_is_queued() {
    let reply_timeout = Duration::from_millis(300);
    let world = World::with(GatewayConfig { reply_timeout, ..config() }).await;
    let (_, key) = world.source_of(Dialect::AskAd, |_| {}).await;
    let asked = Instant::now();
    let request = world.client.post(world.url("/api/v1/leads/inbound")).bearer_auth(&key);
    let answer =
        send(request.header("content-type", "application/json").body(r#"{"email":"a@example.com"}"#)).await;
    assert_eq!((answer.status, &answer.body["status"]), (202, &json!("queued")), "{}", answer.body);
    assert!((reply_timeout..Duration::from_secs(2)).contains(&asked.elapsed()), "{:?}", asked.elapsed());
    let id = answer.body["id"].as_str().unwrap();
    world.work().await;
    let found = send(world.get(&format!("/v1/leads/{id}"))).await;
    assert_eq!(found.body["submission"]["outcome"], "created");
    world.end().await;
}
