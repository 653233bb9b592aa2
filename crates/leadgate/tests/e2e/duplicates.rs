//! 1,000 concurrent posts with the same phone.

use std::sync::Arc;

use leadgate_testkit::oracle::{ObservedOutcome, Oracle};
use serde_json::json;

use crate::world::{Shape, World};

async fn concurrent_posts_with_one_phone(shape: Shape) {
    let world = World::start(shape, "one-phone").await;
    let oracle = Arc::new(Oracle::new());
    let body = |number: usize| {
        // Four spellings of the same number.
        let phone = ["+1 415 555 0187", "+14155550187", "(415) 555-0187", "415.555.0187"][number % 4];
        json!({ "phone": phone, "phone_country": "US", "full_name": format!("Caller {number}") })
            .to_string()
            .into_bytes()
    };
    let bodies: Vec<_> = (0..1_000).map(body).collect();
    world.client().connections(50).closed_loop(&oracle, bodies).await.unwrap();
    let submissions = world.wait_until_processed(&oracle).await;
    oracle.check(&submissions).assert_conserved();
    let count = |outcome| submissions.iter().filter(|submission| submission.outcome == outcome).count();
    assert_eq!((count(ObservedOutcome::Created), count(ObservedOutcome::Duplicate)), (1, 999));
    let leads: std::collections::BTreeSet<_> = submissions.iter().map(|submission| submission.lead).collect();
    assert_eq!(leads.len(), 1, "all of them name the same lead");
    let (_, list) = world.get("/v1/leads").await;
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn concurrent_posts_with_one_phone_create_one_lead_embedded() {
    concurrent_posts_with_one_phone(Shape::Embedded).await;
}

#[tokio::test]
async fn concurrent_posts_with_one_phone_create_one_lead_distributed() {
    concurrent_posts_with_one_phone(Shape::Distributed).await;
}
