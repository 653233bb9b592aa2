//! ABC Sales AI: developers.abcsales.ai, "Sending Leads In" and "Rate Limits".

use serde_json::json;

use super::{TestSource, lead, post};
use crate::world::{Shape, World};

const PATH: &str = "/v1/webhooks/leads";

const EXAMPLE: &str = r#"{
    "name": "Jane Doe",
    "email": "jane@example.com",
    "phone": "+60123456789",
    "id": "your-external-id-123",
    "source": "landing-page",
    "tags": ["pricing-page"],
    "timezone": "Asia/Kuala_Lumpur",
    "locale": "en",
    "currency": "MYR",
    "custom_fields": { "plan_interest": "scale" }
  }"#;

async fn the_documented_examples(shape: Shape) {
    let world = World::start(shape, "abc-sales").await;
    let source = TestSource::create(&world, "abc_sales").await;
    let response = post(&world, PATH, &source.key, EXAMPLE).await;
    assert_eq!(
        (response.status, response.body["status"].as_str()),
        (202, Some("queued")),
        "{}",
        response.text
    );
    assert_eq!(response.body["external_id"], "your-external-id-123", "the response contains the lead's id");
    assert_eq!(
        (response.header("x-ratelimit-limit"), response.header("x-ratelimit-remaining")),
        ("300", "299")
    );
    assert_eq!(response.header("x-ratelimit-reset"), "", "the documentation has no such header");
    let created = lead(&world, response.body["id"].as_str().unwrap()).await;
    assert_eq!(created["submission"]["outcome"], "created");
    assert_eq!((&created["full_name"], &created["first_name"]), (&json!("Jane Doe"), &json!("Jane")));
    assert_eq!(
        (&created["phone"]["e164"], &created["phone"]["region"]),
        (&json!("+60123456789"), &json!("MY"))
    );
    assert_eq!(
        (&created["external_id"], &created["source"]),
        (&json!("your-external-id-123"), &json!("landing-page"))
    );
    assert_eq!((&created["tags"], &created["currency"]), (&json!(["pricing-page"]), &json!("MYR")));
    assert_eq!((&created["timezone"], &created["locale"]), (&json!("Asia/Kuala_Lumpur"), &json!("en")));
    assert_eq!(created["custom_fields"], json!({ "plan_interest": "scale" }));
    assert_eq!(created["reasons"], json!(["consent_missing"]));

    // A second post with the same id updates the lead: an absent field is kept, a null field is removed.
    let again = json!({ "name": "Jane Roe", "id": "your-external-id-123", "locale": null, "phone": "+60123456780",
                        "automations": { "subscribe": ["welcome"], "unsubscribe": null } });
    let response = post(&world, PATH, &source.key, &again.to_string()).await;
    assert_eq!(response.status, 202);
    let updated = lead(&world, response.body["id"].as_str().unwrap()).await;
    assert_eq!((&updated["id"], &updated["submission"]["outcome"]), (&created["id"], &json!("updated")));
    assert_eq!((&updated["full_name"], &updated["locale"]), (&json!("Jane Roe"), &json!(null)));
    assert_eq!((&updated["email"], &updated["currency"]), (&created["email"], &created["currency"]));
    assert_eq!(updated["automations"], again["automations"]);

    // A LINE user id has precedence over the phone: two people share one phone.
    let on_line =
        |user: &str| json!({ "name": "Kim", "naver_line_id": user, "phone": "+60123456711" }).to_string();
    let mut ids_of_leads = Vec::new();
    for user in ["U1", "U2", "U1"] {
        let response = post(&world, PATH, &source.key, &on_line(user)).await;
        ids_of_leads.push(lead(&world, response.body["id"].as_str().unwrap()).await["id"].clone());
    }
    assert!(ids_of_leads[0] != ids_of_leads[1] && ids_of_leads[0] == ids_of_leads[2], "{ids_of_leads:?}");

    let unparsed = post(&world, PATH, &source.key, r#"{"name":"Lee","phone":"call me after six"}"#).await;
    let kept = lead(&world, unparsed.body["id"].as_str().unwrap()).await;
    assert_eq!(
        (&kept["phone"]["raw"], &kept["tags"]),
        (&json!("call me after six"), &json!(["phone_review"]))
    );
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
async fn documented_errors_are_returned() {
    let world = World::embedded("abc-sales-errors").await;
    let source = TestSource::create(&world, "abc_sales").await;
    let long = "x".repeat(101);
    for (document, status) in [
        (r#"{"email":"jane@example.com"}"#.to_owned(), 400),
        (json!({ "name": "J" }).to_string(), 400),
        (json!({ "name": long }).to_string(), 400),
        (json!({ "name": "Jane", "id": "x".repeat(51) }).to_string(), 400),
        (json!({ "name": "Jane", "phone": "1".repeat(51) }).to_string(), 400),
        ("{\"name\":".to_owned(), 400),
        ("{}".to_owned(), 400),
    ] {
        let response = post(&world, PATH, &source.key, &document).await;
        assert_eq!(response.status, status, "{document}: {}", response.text);
        assert!(response.body["error"].is_string(), "{}", response.text);
    }
    let response = post(&world, PATH, "lg_live_wrong", EXAMPLE).await;
    assert_eq!((response.status, response.body["error"].is_string()), (401, true), "{}", response.text);

    let few = TestSource::create_with(&world, "abc_sales", &["--rate", "2/min", "--name", "few"]).await;
    for remaining in ["1", "0"] {
        let response = post(&world, PATH, &few.key, EXAMPLE).await;
        assert_eq!((response.status, response.header("x-ratelimit-remaining")), (202, remaining));
    }
    let response = post(&world, PATH, &few.key, EXAMPLE).await;
    let retry_after: u64 = response.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&retry_after));
    let expected =
        json!({ "error": "Too many requests. Please try again later.", "retry_after": retry_after });
    assert_eq!((response.status, &response.body), (429, &expected));
    assert_eq!((response.header("x-ratelimit-limit"), response.header("x-ratelimit-remaining")), ("2", "0"));
}
