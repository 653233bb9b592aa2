//! lead2inbound: docs.lead2inbound.com/quickstart and lead2inbound.com, "HTTP POST / Webhook".

use reqwest::Method;
use serde_json::{Value, json};

use super::{TestSource, lead, post, request, send};
use crate::world::{Shape, World, until};

const PATH: &str = "/v1/leads";

const EXAMPLE: &str = r#"{
    "source": "my-webform",
    "first_name": "Jane",
    "last_name": "Doe",
    "phone": "5551234567",
    "state": "TX",
    "consent": {
      "consent_timestamp": "2026-07-05T12:00:00Z",
      "consent_text_version": "webform-v2",
      "source_url": "https://example.com/quote"
    }
  }"#;

async fn the_documented_examples(shape: Shape) {
    let world = World::start(shape, "lead2inbound").await;
    let source = TestSource::create(&world, "lead2inbound").await;
    let response = post(&world, PATH, &source.key, EXAMPLE).await;
    assert_eq!(response.status, 201, "{}", response.text);
    let id = response.body["lead_id"].as_str().unwrap().to_owned();
    assert_eq!(response.body, json!({ "outcome": "created", "lead_id": id, "status": "new" }));
    assert_eq!(
        (response.header("x-ratelimit-limit"), response.header("x-ratelimit-remaining")),
        ("120", "119")
    );
    assert!(response.header("x-ratelimit-reset").parse::<u64>().is_ok());
    let created = lead(&world, &id).await;
    assert_eq!((&created["source"], &created["state"]), (&json!("my-webform"), &json!("TX")));
    assert_eq!(created["full_name"], "Jane Doe");
    assert_eq!(created["consent"]["consent_text_version"], "webform-v2");
    // The phone of the documentation is invalid: no US number begins with 555.
    assert_eq!((&created["phone"]["raw"], &created["phone"]["valid"]), (&json!("5551234567"), &json!(false)));

    // A ten-digit US number and its E.164 are the same phone.
    let consent = serde_json::from_str::<Value>(EXAMPLE).unwrap()["consent"].clone();
    let ten_digits = json!({ "phone": "4155550142", "consent": consent }).to_string();
    let first = post(&world, PATH, &source.key, &ten_digits).await;
    assert_eq!((first.status, &first.body["outcome"]), (201, &json!("created")));
    let duplicate =
        post(&world, PATH, &source.key, r#"{"phone":"+1 415 555 0142","first_name":"Other"}"#).await;
    let expected = json!({ "outcome": "duplicate", "lead_id": first.body["lead_id"], "status": "new" });
    assert_eq!((duplicate.status, &duplicate.body), (200, &expected));
    let stored = lead(&world, first.body["lead_id"].as_str().unwrap()).await;
    assert_eq!((&stored["eligibility"], &stored["first_name"]), (&json!("eligible"), &json!(null)));

    let without_consent = post(&world, PATH, &source.key, r#"{"phone":"+14155550143"}"#).await;
    let held = lead(&world, without_consent.body["lead_id"].as_str().unwrap()).await;
    assert_eq!((&held["eligibility"], &held["reasons"]), (&json!("held"), &json!(["consent_missing"])));

    let list = send(request(&world, Method::GET, "/v1/leads?limit=5").bearer_auth(&source.key)).await;
    assert_eq!(list.status, 200, "{}", list.text);
    let leads = list.body["data"].as_array().unwrap();
    assert_eq!((leads.len(), &leads[0]["lead_id"]), (3, &without_consent.body["lead_id"]), "newest first");
    assert_eq!(leads[0]["status"], "new");
}

#[tokio::test]
async fn documented_examples_work_embedded() {
    the_documented_examples(Shape::Embedded).await;
}

#[tokio::test]
async fn documented_examples_work_distributed() {
    the_documented_examples(Shape::Distributed).await;
}

#[tokio::test]
async fn a_key_is_limited_to_its_scopes_and_refused_after_its_revocation() {
    let world = World::embedded("lead2inbound-keys").await;
    let source = TestSource::create(&world, "lead2inbound").await;
    let create_key = async |scopes: &str| {
        let create = ["key", "create", "--organization", "acme", "--source", &source.id, "--scopes", scopes];
        world.cli(&create).await["key"].as_str().unwrap().to_owned()
    };
    let (write_key, read_key) = (create_key("write").await, create_key("read").await);
    let list = async |key: &str| send(request(&world, Method::GET, PATH).bearer_auth(key)).await;
    assert_eq!(post(&world, PATH, &write_key, EXAMPLE).await.status, 201);
    assert_eq!((list(&write_key).await.status, list(&read_key).await.status), (403, 200));
    assert_eq!(post(&world, PATH, &read_key, EXAMPLE).await.status, 403);
    assert_eq!(post(&world, PATH, &source.key, r#"{"first_name":"Jane"}"#).await.status, 422);
    assert_eq!(post(&world, PATH, &source.key, "{").await.status, 400);

    let id = write_key.split('_').nth(2).unwrap();
    let revoked_at = std::time::Instant::now();
    world.cli(&["key", "revoke", id]).await;
    let refused = || async {
        let response = post(&world, PATH, &write_key, EXAMPLE).await;
        (response.status == 401).then_some(response)
    };
    until("the revocation", refused).await;
    println!("a revoked key was refused after {:?}", revoked_at.elapsed());
    assert!(revoked_at.elapsed().as_secs() < 10);
}
