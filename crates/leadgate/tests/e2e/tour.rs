//! The tour of the README as a test.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::world::{Shape, World, http, until};

async fn post_and_wait(world: &World, body: Value) -> Value {
    let posted_at = Instant::now();
    let response = world.post(body.to_string()).await;
    assert_eq!(response.status(), 202);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let accepted: Value = response.json().await.unwrap();
    assert_eq!(accepted["status"], "queued");
    assert_eq!(location, format!("/v1/leads/{}", accepted["id"].as_str().unwrap()));
    let shown = until("the lead", || async {
        let (status, shown) = world.get(&location).await;
        assert_eq!(status, 200, "an accepted lead can be read at once");
        (shown["status"] != "queued").then_some(shown)
    });
    let shown = shown.await;
    println!("{:?}: shown {:?} after the post", world.shape, posted_at.elapsed());
    assert!(posted_at.elapsed() < Duration::from_secs(10));
    shown
}

async fn tour(shape: Shape) {
    let world = World::start(shape, "first-lead").await;
    let consent = json!({
        "consent_timestamp": "2026-01-31T12:00:00Z",
        "consent_text_version": "v1",
        "source_url": "https://acme.example/quote",
    });
    let lead = json!({
        "full_name": "Quentin Marlowe",
        "phone": "+1 (415) 555-0132",
        "email": "Quentin@Marlowe-Works.example",
        "tags": ["roofing"],
        "consent": consent,
        "favourite_colour": "green",
    });
    let shown = post_and_wait(&world, lead.clone()).await;
    assert_eq!(shown["phone"]["e164"], "+14155550132");
    assert_eq!(shown["email"]["address"], "Quentin@marlowe-works.example");
    assert_eq!((&shown["eligibility"], &shown["reasons"]), (&json!("eligible"), &json!([])));
    assert_eq!((&shown["first_name"], &shown["last_name"]), (&json!("Quentin"), &json!("Marlowe")));
    assert_eq!((&shown["score"], &shown["temperature"]), (&json!(85), &json!("hot")));
    assert_eq!(shown["custom_fields"]["favourite_colour"], "green");
    assert_eq!(shown["submission"]["outcome"], "created");

    let again = post_and_wait(&world, json!({ "phone": "+14155550132" })).await;
    assert_eq!(again["id"], shown["id"]);
    assert_eq!(again["submission"]["outcome"], "duplicate");

    let held = post_and_wait(&world, json!({ "phone": "12", "email": "unknown@nowhere.example" })).await;
    assert_eq!(held["reasons"], json!(["phone_invalid", "consent_missing"]));
    assert_eq!(held["tags"], json!(["phone_review"]));

    let id = again["submission"]["id"].as_str().unwrap();
    let (status, record) = world.get(&format!("/v1/submissions/{id}")).await;
    assert_eq!((status, &record["outcome"]), (200, &json!("duplicate")));
    assert_eq!(record["trace"]["deduplicate"]["matched"]["by"], "phone");

    let (_, list) = world.get("/v1/leads?limit=1").await;
    assert_eq!(list["data"][0]["id"], held["id"], "newest first");
    let next = list["next"].as_str().unwrap();
    let (_, rest) = world.get(&format!("/v1/leads?limit=5&after={next}")).await;
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));

    world.cli(&["suppression", "add", "--organization", "acme", "--phone", "+1 415 555 0132"]).await;
    let (_, suppressed) = world.get(&format!("/v1/leads/{}", shown["id"].as_str().unwrap())).await;
    assert_eq!(suppressed["reasons"], json!(["suppressed_phone"]));
}

#[tokio::test]
async fn the_tour_works_embedded() {
    tour(Shape::Embedded).await;
}

#[tokio::test]
async fn the_tour_works_distributed() {
    tour(Shape::Distributed).await;
}

#[tokio::test]
async fn phones_without_a_country_code_are_read_with_the_default_region() {
    let world = World::start_with(Shape::Embedded, "region", &[("LEADGATE_DEFAULT_REGION", "us")]).await;
    let shown = post_and_wait(&world, json!({ "phone": "(415) 555-0132" })).await;
    assert_eq!(shown["phone"]["e164"], "+14155550132");
    let created = world
        .cli(&["source", "create", "--organization", "acme", "--dialect", "native", "--region", "DE"])
        .await;
    assert_eq!(created["region"], "DE");
    let wrong = [("LEADGATE_DEFAULT_REGION".to_owned(), "Atlantis".to_owned())];
    let environment = [world.environment(), &wrong].concat();
    let (ok, output) =
        crate::world::try_run(&environment, &["source", "list", "--organization", "acme"]).await;
    assert!(!ok && output.to_string().contains("default_region"), "{output}");
}

#[tokio::test]
async fn an_organization_wide_key_keeps_its_rights_when_its_source_gets_a_name() {
    let world = World::embedded("renamed").await;
    let sources = world.cli(&["source", "list", "--organization", "acme"]).await;
    let default_source = sources[0]["id"].as_str().unwrap().to_owned();
    let other = ["source", "create", "--organization", "acme", "--dialect", "native", "--name", "partner"];
    let other = world.cli(&other).await;
    let partner = [
        "key",
        "create",
        "--organization",
        "acme",
        "--source",
        other["id"].as_str().unwrap(),
        "--scopes",
        "write,read",
    ];
    let partner = world.cli(&partner).await["key"].as_str().unwrap().to_owned();
    let post = http().post(format!("{}/v1/leads", world.base)).bearer_auth(&partner);
    let posted: Value =
        post.json(&json!({ "email": "ann@example.com" })).send().await.unwrap().json().await.unwrap();
    let location = format!("/v1/leads/{}", posted["id"].as_str().unwrap());
    until("the lead", || async { (world.get(&location).await.1["status"] == "new").then_some(()) }).await;

    // The change of the networks shows when the running program has refreshed its snapshot.
    let update =
        ["source", "update", &default_source, "--organization", "acme", "--name", "our own", "--networks"];
    world.cli(&[&update[..], &["203.0.113.0/24"]].concat()).await;
    until("the first change to be known", || async { (world.get(&location).await.0 == 403).then_some(()) })
        .await;
    world.cli(&[&update[..], &["127.0.0.0/8"]].concat()).await;
    until("the second change to be known", || async { (world.get(&location).await.0 != 403).then_some(()) })
        .await;
    assert_eq!(
        world.get(&location).await.1["status"],
        "new",
        "the key reads leads of other sources as before"
    );
    assert_eq!(world.post(json!({ "email": "bob@example.com" }).to_string()).await.status(), 202);
    let read = http().get(format!("{}/v1/leads", world.base)).bearer_auth(&partner).send().await.unwrap();
    let seen: Value = read.json().await.unwrap();
    assert_eq!(seen["data"].as_array().unwrap().len(), 1, "the partner's key reads its own");
}
