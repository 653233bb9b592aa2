//! ABC Sales AI: developers.abcsales.ai, "Sending Leads In" and "Rate Limits".

use serde_json::json;

use super::{Way, lead, post};
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

async fn the_page(shape: Shape) {
    let world = World::start(shape, "abc-sales").await;
    let way = Way::into(&world, "abc_sales").await;
    let got = post(&world, PATH, &way.key, EXAMPLE).await;
    assert_eq!((got.status, got.body["status"].as_str()), (202, Some("queued")), "{}", got.text);
    assert_eq!(got.body["external_id"], "your-external-id-123", "the lead's id is echoed");
    assert_eq!((got.header("x-ratelimit-limit"), got.header("x-ratelimit-remaining")), ("300", "299"));
    assert_eq!(got.header("x-ratelimit-reset"), "", "their clients know none");
    let made = lead(&world, got.body["id"].as_str().unwrap()).await;
    assert_eq!(made["submission"]["outcome"], "created");
    assert_eq!((&made["full_name"], &made["first_name"]), (&json!("Jane Doe"), &json!("Jane")));
    assert_eq!((&made["phone"]["e164"], &made["phone"]["region"]), (&json!("+60123456789"), &json!("MY")));
    assert_eq!(
        (&made["external_id"], &made["source"]),
        (&json!("your-external-id-123"), &json!("landing-page"))
    );
    assert_eq!((&made["tags"], &made["currency"]), (&json!(["pricing-page"]), &json!("MYR")));
    assert_eq!((&made["timezone"], &made["locale"]), (&json!("Asia/Kuala_Lumpur"), &json!("en")));
    assert_eq!(made["custom_fields"], json!({ "plan_interest": "scale" }));
    assert_eq!(made["reasons"], json!(["consent_missing"]));

    // Sent again, the same id updates: what is absent stays, what is null goes.
    let again = json!({ "name": "Jane Roe", "id": "your-external-id-123", "locale": null, "phone": "+60123456780",
                        "automations": { "subscribe": ["welcome"], "unsubscribe": null } });
    let got = post(&world, PATH, &way.key, &again.to_string()).await;
    assert_eq!(got.status, 202);
    let updated = lead(&world, got.body["id"].as_str().unwrap()).await;
    assert_eq!((&updated["id"], &updated["submission"]["outcome"]), (&made["id"], &json!("updated")));
    assert_eq!((&updated["full_name"], &updated["locale"]), (&json!("Jane Roe"), &json!(null)));
    assert_eq!((&updated["email"], &updated["currency"]), (&made["email"], &made["currency"]));
    assert_eq!(updated["automations"], again["automations"]);

    // A LINE user id beats the phone: two people on one phone.
    let on_line =
        |user: &str| json!({ "name": "Kim", "naver_line_id": user, "phone": "+60123456711" }).to_string();
    let mut ids = Vec::new();
    for user in ["U1", "U2", "U1"] {
        let got = post(&world, PATH, &way.key, &on_line(user)).await;
        ids.push(lead(&world, got.body["id"].as_str().unwrap()).await["id"].clone());
    }
    assert!(ids[0] != ids[1] && ids[0] == ids[2], "{ids:?}");

    let raw = post(&world, PATH, &way.key, r#"{"name":"Lee","phone":"call me after six"}"#).await;
    let kept = lead(&world, raw.body["id"].as_str().unwrap()).await;
    assert_eq!(
        (&kept["phone"]["raw"], &kept["tags"]),
        (&json!("call me after six"), &json!(["phone_review"]))
    );
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
async fn what_the_page_refuses_is_refused() {
    let world = World::embedded("abc-sales-errors").await;
    let way = Way::into(&world, "abc_sales").await;
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
        let got = post(&world, PATH, &way.key, &document).await;
        assert_eq!(got.status, status, "{document}: {}", got.text);
        assert!(got.body["error"].is_string(), "{}", got.text);
    }
    let got = post(&world, PATH, "lg_live_wrong", EXAMPLE).await;
    assert_eq!((got.status, got.body["error"].is_string()), (401, true), "{}", got.text);

    let few = Way::with(&world, "abc_sales", &["--rate", "2/min", "--name", "few"]).await;
    for remaining in ["1", "0"] {
        let got = post(&world, PATH, &few.key, EXAMPLE).await;
        assert_eq!((got.status, got.header("x-ratelimit-remaining")), (202, remaining));
    }
    let got = post(&world, PATH, &few.key, EXAMPLE).await;
    let retry_after: u64 = got.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&retry_after));
    let told = json!({ "error": "Too many requests. Please try again later.", "retry_after": retry_after });
    assert_eq!((got.status, &got.body), (429, &told));
    assert_eq!((got.header("x-ratelimit-limit"), got.header("x-ratelimit-remaining")), ("2", "0"));
}
