//! The tour of the README, as a test.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::world::{Shape, World, until};

async fn post_and_look(world: &World, body: Value) -> Value {
    let posted = Instant::now();
    let response = world.post(body.to_string()).await;
    assert_eq!(response.status(), 202);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let accepted: Value = response.json().await.unwrap();
    assert_eq!(accepted["status"], "queued");
    assert_eq!(location, format!("/v1/leads/{}", accepted["id"].as_str().unwrap()));
    let shown = until("the lead", || async {
        let (status, shown) = world.get(&location).await;
        assert_eq!(status, 200, "known from the first moment on");
        (shown["status"] != "queued").then_some(shown)
    });
    let shown = shown.await;
    println!("{:?}: shown {:?} after the post", world.shape, posted.elapsed());
    assert!(posted.elapsed() < Duration::from_secs(10));
    shown
}

async fn first_lead(shape: Shape) {
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
    let shown = post_and_look(&world, lead.clone()).await;
    assert_eq!(shown["phone"]["e164"], "+14155550132");
    assert_eq!(shown["email"]["address"], "Quentin@marlowe-works.example");
    assert_eq!((&shown["eligibility"], &shown["reasons"]), (&json!("eligible"), &json!([])));
    assert_eq!((&shown["first_name"], &shown["last_name"]), (&json!("Quentin"), &json!("Marlowe")));
    assert_eq!((&shown["score"], &shown["temperature"]), (&json!(85), &json!("hot")));
    assert_eq!(shown["custom_fields"]["favourite_colour"], "green");
    assert_eq!(shown["submission"]["outcome"], "created");

    let again = post_and_look(&world, json!({ "phone": "+14155550132" })).await;
    assert_eq!(again["id"], shown["id"]);
    assert_eq!(again["submission"]["outcome"], "duplicate");

    let held = post_and_look(&world, json!({ "phone": "12", "email": "nobody@nowhere.example" })).await;
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
    first_lead(Shape::Embedded).await;
}

#[tokio::test]
async fn the_tour_works_in_production() {
    first_lead(Shape::Production).await;
}
