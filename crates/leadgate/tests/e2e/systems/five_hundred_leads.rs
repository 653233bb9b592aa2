//! 500 Leads: leads.500rockets.io/docs, "Webhooks API" and the sources' `webhookUrl`.

use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use super::{TestResponse, TestSource, lead_of, send};
use crate::world::{Shape, World, http, until};

const EXAMPLE: &str = r#"{
    "email": "jane@example.com",
    "firstName": "Jane",
    "lastName": "Smith",
    "phone": "+1234567890",
    "company": "Acme Corp"
  }"#;

async fn post(url: &str, media: &str, body: impl Into<reqwest::Body>) -> TestResponse {
    send(http().post(url).header(CONTENT_TYPE, media).body(body)).await
}

async fn the_documented_examples(shape: Shape) {
    let world = World::start(shape, "500-leads").await;
    let source = TestSource::create(&world, "500_leads").await;
    let response = post(&source.url, "application/json", EXAMPLE).await;
    assert_eq!((response.status, &response.body), (200, &json!({ "success": true })), "{}", response.text);
    let created = lead_of(&world, "jane@example.com").await;
    assert_eq!((&created["first_name"], &created["last_name"]), (&json!("Jane"), &json!("Smith")));
    assert_eq!((&created["company"], &created["phone"]["raw"]), (&json!("Acme Corp"), &json!("+1234567890")));

    // The other URL, the fields of the snippet, a form, and a person who is known already.
    let other = format!("{}/api/webhooks/inbound/{}", world.base, source.token);
    let from_page = json!({ "email": "ann@example.com", "full_name": "Ann Lee", "budget": 5000,
                            "_utm": { "source": "news" }, "_referrer": "https://news.example/" });
    let response = post(&other, "application/json", from_page.to_string()).await;
    assert_eq!((response.status, &response.body), (200, &json!({ "success": true })));
    let ann = lead_of(&world, "ann@example.com").await;
    assert_eq!((&ann["custom_fields"]["budget"], &ann["full_name"]), (&json!(5000), &json!("Ann Lee")));
    assert!(ann["attribution"].to_string().contains("news.example"), "{}", ann["attribution"]);
    let form = "email=Bob%40example.com&firstName=Bob&lastName=O%27Neill&interests=a&interests=b";
    assert_eq!(post(&source.url, "application/x-www-form-urlencoded", form).await.status, 200);
    assert_eq!(lead_of(&world, "Bob@example.com").await["full_name"], "Bob O'Neill");
    assert_eq!(post(&source.url, "application/json", r#"{"email":"ANN@EXAMPLE.COM"}"#).await.status, 200);
    let all_stored = || async {
        let submissions = world.observed_submissions().await;
        (submissions.len() == 4).then_some(submissions)
    };
    let submissions = until("all four", all_stored).await;
    let leads: std::collections::BTreeSet<_> = submissions.iter().map(|submission| submission.lead).collect();
    assert_eq!(leads.len(), 3, "one submission matched an existing lead");
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
    let world = World::embedded("500-leads-errors").await;
    let source = TestSource::create(&world, "500_leads").await;
    let json = "application/json";
    for (url, body, status) in [
        (format!("{}/api/webhooks/nonsense", world.base), EXAMPLE, 404),
        (format!("{}x", source.url), EXAMPLE, 404),
        (source.url.clone(), "", 400),
        (source.url.clone(), "{}", 400),
        (source.url.clone(), "{\"email\":", 400),
        (source.url.clone(), "[1]", 400),
    ] {
        let response = post(&url, json, body).await;
        assert_eq!(
            (response.status, &response.body["success"]),
            (status, &json!(false)),
            "{body}: {}",
            response.text
        );
    }
    // A value that is invalid for its field is stored as a custom field, because the visitor of a form cannot
    // correct it.
    let invalid_fields = json!({ "email": "odd@example.com", "company": "x".repeat(2_000), "phone": ["1"] });
    assert_eq!(post(&source.url, json, invalid_fields.to_string()).await.status, 200);
    let stored = lead_of(&world, "odd@example.com").await;
    assert_eq!((&stored["company"], &stored["custom_fields"]["phone"]), (&json!(null), &json!(["1"])));

    // 100 requests per minute for each address.
    let unused = TestSource::create_with(&world, "500_leads", &["--name", "fresh"]).await;
    for left in (0..100).rev() {
        let response = post(&unused.url, json, r#"{"email":"again@example.com"}"#).await;
        assert_eq!(
            (response.status, response.header("x-ratelimit-remaining")),
            (200, left.to_string().as_str())
        );
    }
    let response = post(&unused.url, json, EXAMPLE).await;
    assert_eq!((response.status, response.header("x-ratelimit-limit")), (429, "100"));
    assert!((1..=60).contains(&response.header("retry-after").parse::<u64>().unwrap()));

    let id = unused.token.split('_').nth(1).unwrap();
    world.cli(&["key", "revoke", id]).await;
    let is_revoked = || async { (post(&unused.url, json, EXAMPLE).await.status == 404).then_some(()) };
    until("the revocation of the token", is_revoked).await;
}

#[tokio::test]
async fn a_lead_that_fails_its_mapping_is_quarantined_until_the_mapping_is_corrected() {
    let world = World::embedded("500-leads-mapping").await;
    let source = TestSource::create(&world, "500_leads").await;
    let folder = tempfile::tempdir().unwrap();
    let file = |text: &str| {
        let path = folder.path().join("mapping.toml");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let mapping_arguments = ["--organization", "acme", "--source", &source.id];
    let first_mapping = file(
        "[[rules]]\nto = \"email\"\nfrom = [\"contact_email\"]\n\n\
         [[rules]]\nto = \"state\"\nfrom = [\"where\"]\nvalues = { Nevada = \"NV\" }\n",
    );
    let first_version =
        world.cli(&[&["mapping", "set"][..], &mapping_arguments, &[&first_mapping]].concat()).await;
    assert_eq!(first_version["version"], 1);
    let body = r#"{"contact_email":"mapped@example.com","where":"Texas"}"#;
    let quarantined = || async {
        assert_eq!(
            post(&source.url, "application/json", body).await.status,
            200,
            "a form gets no error, because it cannot correct the mapping"
        );
        let list = world.cli(&["quarantine", "list", "--organization", "acme"]).await;
        list.as_array().unwrap().first().cloned()
    };
    let entry = until("the quarantine", quarantined).await;
    assert_eq!((&entry["reason"], &entry["state"]), (&json!("mapping_failed"), &json!("open")));

    let second_mapping = file(
        "[[rules]]\nto = \"email\"\nfrom = [\"contact_email\"]\n\n\
         [[rules]]\nto = \"state\"\nfrom = [\"where\"]\nvalues = { Nevada = \"NV\" }\notherwise = \"other\"\n",
    );
    let preview = world
        .cli(
            &[&["mapping", "preview"][..], &mapping_arguments, &["--file", &second_mapping, "--last", "1"]]
                .concat(),
        )
        .await;
    assert_eq!(preview[0]["fields"]["email"], "mapped@example.com", "{preview}");
    assert_eq!(
        world.cli(&[&["mapping", "set"][..], &mapping_arguments, &[&second_mapping]].concat()).await["version"],
        2
    );
    let id = entry["id"].as_str().unwrap();
    for _ in 0..2 {
        world.cli(&["quarantine", "release", id, "--organization", "acme"]).await;
    }
    let lead = lead_of(&world, "mapped@example.com").await;
    assert_eq!(lead["state"], "other");
    let record = world.get(&format!("/v1/submissions/{}", entry["submission"].as_str().unwrap())).await.1;
    assert_eq!(record["outcome"], "created");
    world.cli(&[&["mapping", "rollback"][..], &mapping_arguments, &["--to", "1"]].concat()).await;
    let list = world.cli(&[&["mapping", "list"][..], &mapping_arguments].concat()).await;
    assert_eq!((&list[0]["active"], &list[1]["active"]), (&json!(true), &json!(false)));
}
