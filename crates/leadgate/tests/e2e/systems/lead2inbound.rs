//! lead2inbound: docs.lead2inbound.com/quickstart and lead2inbound.com, "HTTP POST / Webhook".

use reqwest::Method;
use serde_json::{Value, json};

use super::{Way, lead, post, request, send};
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

async fn the_page(shape: Shape) {
    let world = World::start(shape, "lead2inbound").await;
    let way = Way::into(&world, "lead2inbound").await;
    let got = post(&world, PATH, &way.key, EXAMPLE).await;
    assert_eq!(got.status, 201, "{}", got.text);
    let id = got.body["lead_id"].as_str().unwrap().to_owned();
    assert_eq!(got.body, json!({ "outcome": "created", "lead_id": id, "status": "new" }));
    assert_eq!((got.header("x-ratelimit-limit"), got.header("x-ratelimit-remaining")), ("120", "119"));
    assert!(got.header("x-ratelimit-reset").parse::<u64>().is_ok());
    let made = lead(&world, &id).await;
    assert_eq!((&made["source"], &made["state"]), (&json!("my-webform"), &json!("TX")));
    assert_eq!(made["full_name"], "Jane Doe");
    assert_eq!(made["consent"]["consent_text_version"], "webform-v2");
    // The page's own phone is nobody's: no US number begins with 555.
    assert_eq!((&made["phone"]["raw"], &made["phone"]["valid"]), (&json!("5551234567"), &json!(false)));

    // A ten-digit US number and its E.164 are the same phone.
    let consent = serde_json::from_str::<Value>(EXAMPLE).unwrap()["consent"].clone();
    let ten_digits = json!({ "phone": "4155550142", "consent": consent }).to_string();
    let first = post(&world, PATH, &way.key, &ten_digits).await;
    assert_eq!((first.status, &first.body["outcome"]), (201, &json!("created")));
    let met = post(&world, PATH, &way.key, r#"{"phone":"+1 415 555 0142","first_name":"Other"}"#).await;
    let told = json!({ "outcome": "duplicate", "lead_id": first.body["lead_id"], "status": "new" });
    assert_eq!((met.status, &met.body), (200, &told));
    let stored = lead(&world, first.body["lead_id"].as_str().unwrap()).await;
    assert_eq!((&stored["eligibility"], &stored["first_name"]), (&json!("eligible"), &json!(null)));

    let without = post(&world, PATH, &way.key, r#"{"phone":"+14155550143"}"#).await;
    let held = lead(&world, without.body["lead_id"].as_str().unwrap()).await;
    assert_eq!((&held["eligibility"], &held["reasons"]), (&json!("held"), &json!(["consent_missing"])));

    let list = send(request(&world, Method::GET, "/v1/leads?limit=5").bearer_auth(&way.key)).await;
    assert_eq!(list.status, 200, "{}", list.text);
    let leads = list.body["data"].as_array().unwrap();
    assert_eq!((leads.len(), &leads[0]["lead_id"]), (3, &without.body["lead_id"]), "newest first");
    assert_eq!(leads[0]["status"], "new");
}

#[tokio::test]
async fn what_the_page_shows_works_embedded() {
    the_page(Shape::Embedded).await;
}

#[tokio::test]
async fn what_the_page_shows_works_in_production() {
    the_page(Shape::Production).await;
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say_and_dies_when_it_is_revoked() {
    let world = World::embedded("lead2inbound-keys").await;
    let way = Way::into(&world, "lead2inbound").await;
    let scoped = async |scopes: &str| {
        let create = ["key", "create", "--organization", "acme", "--source", &way.id, "--scopes", scopes];
        world.cli(&create).await["key"].as_str().unwrap().to_owned()
    };
    let (writer, reader) = (scoped("write").await, scoped("read").await);
    let list = async |key: &str| send(request(&world, Method::GET, PATH).bearer_auth(key)).await;
    assert_eq!(post(&world, PATH, &writer, EXAMPLE).await.status, 201);
    assert_eq!((list(&writer).await.status, list(&reader).await.status), (403, 200));
    assert_eq!(post(&world, PATH, &reader, EXAMPLE).await.status, 403);
    assert_eq!(post(&world, PATH, &way.key, r#"{"first_name":"Jane"}"#).await.status, 422);
    assert_eq!(post(&world, PATH, &way.key, "{").await.status, 400);

    let id = writer.split('_').nth(2).unwrap();
    let since = std::time::Instant::now();
    world.cli(&["key", "revoke", id]).await;
    let refused = || async {
        let got = post(&world, PATH, &writer, EXAMPLE).await;
        (got.status == 401).then_some(got)
    };
    until("the revocation", refused).await;
    println!("a revoked key died after {:?}", since.elapsed());
    assert!(since.elapsed().as_secs() < 10);
}
