//! The same phone a thousand times at once.

use std::sync::Arc;

use leadgate_testkit::oracle::{ObservedOutcome, Oracle};
use serde_json::json;

use crate::world::{Shape, World};

async fn one_phone_at_once(shape: Shape) {
    let world = World::start(shape, "one-phone").await;
    let oracle = Arc::new(Oracle::new());
    let body = |number: usize| {
        // Written in ways that differ, meant the same.
        let phone = ["+1 415 555 0187", "+14155550187", "(415) 555-0187", "415.555.0187"][number % 4];
        json!({ "phone": phone, "phone_country": "US", "full_name": format!("Caller {number}") })
            .to_string()
            .into_bytes()
    };
    let bodies: Vec<_> = (0..1_000).map(body).collect();
    world.client().connections(50).closed_loop(&oracle, bodies).await.unwrap();
    let held = world.drained(&oracle).await;
    oracle.check(&held).assert_conserved();
    let count = |outcome| held.iter().filter(|one| one.outcome == outcome).count();
    assert_eq!((count(ObservedOutcome::Created), count(ObservedOutcome::Duplicate)), (1, 999));
    let leads: std::collections::BTreeSet<_> = held.iter().map(|one| one.lead).collect();
    assert_eq!(leads.len(), 1, "all of them name the same lead");
    let (_, list) = world.get("/v1/leads").await;
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn one_phone_at_once_makes_one_lead_embedded() {
    one_phone_at_once(Shape::Embedded).await;
}

#[tokio::test]
async fn one_phone_at_once_makes_one_lead_in_production() {
    one_phone_at_once(Shape::Production).await;
}
