//! 500 Leads: leads.500rockets.io/docs, "Webhooks API" and the sources' `webhookUrl`.

use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use super::{Got, Way, lead_of, send};
use crate::world::{Shape, World, http, until};

const EXAMPLE: &str = r#"{
    "email": "jane@example.com",
    "firstName": "Jane",
    "lastName": "Smith",
    "phone": "+1234567890",
    "company": "Acme Corp"
  }"#;

async fn post(url: &str, media: &str, body: impl Into<reqwest::Body>) -> Got {
    send(http().post(url).header(CONTENT_TYPE, media).body(body)).await
}

async fn the_page(shape: Shape) {
    let world = World::start(shape, "500-leads").await;
    let way = Way::into(&world, "500_leads").await;
    let got = post(&way.url, "application/json", EXAMPLE).await;
    assert_eq!((got.status, &got.body), (200, &json!({ "success": true })), "{}", got.text);
    let made = lead_of(&world, "jane@example.com").await;
    assert_eq!((&made["first_name"], &made["last_name"]), (&json!("Jane"), &json!("Smith")));
    assert_eq!((&made["company"], &made["phone"]["raw"]), (&json!("Acme Corp"), &json!("+1234567890")));

    // The other URL, the snippet's fields, a form; and whoever is known is met.
    let other = format!("{}/api/webhooks/inbound/{}", world.base, way.token);
    let from_page = json!({ "email": "ann@example.com", "full_name": "Ann Lee", "budget": 5000,
                            "_utm": { "source": "news" }, "_referrer": "https://news.example/" });
    let got = post(&other, "application/json", from_page.to_string()).await;
    assert_eq!((got.status, &got.body), (200, &json!({ "success": true })));
    let ann = lead_of(&world, "ann@example.com").await;
    assert_eq!((&ann["custom_fields"]["budget"], &ann["full_name"]), (&json!(5000), &json!("Ann Lee")));
    assert!(ann["attribution"].to_string().contains("news.example"), "{}", ann["attribution"]);
    let form = "email=Bob%40example.com&firstName=Bob&lastName=O%27Neill&interests=a&interests=b";
    assert_eq!(post(&way.url, "application/x-www-form-urlencoded", form).await.status, 200);
    assert_eq!(lead_of(&world, "Bob@example.com").await["full_name"], "Bob O'Neill");
    assert_eq!(post(&way.url, "application/json", r#"{"email":"ANN@EXAMPLE.COM"}"#).await.status, 200);
    let settled = || async {
        let held = world.observed().await;
        (held.len() == 4).then_some(held)
    };
    let held = until("all four", settled).await;
    let leads: std::collections::BTreeSet<_> = held.iter().map(|one| one.lead).collect();
    assert_eq!(leads.len(), 3, "matched to the lead that was there");
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
    let world = World::embedded("500-leads-errors").await;
    let way = Way::into(&world, "500_leads").await;
    let json = "application/json";
    for (url, body, status) in [
        (format!("{}/api/webhooks/nonsense", world.base), EXAMPLE, 404),
        (format!("{}x", way.url), EXAMPLE, 404),
        (way.url.clone(), "", 400),
        (way.url.clone(), "{}", 400),
        (way.url.clone(), "{\"email\":", 400),
        (way.url.clone(), "[1]", 400),
    ] {
        let got = post(&url, json, body).await;
        assert_eq!((got.status, &got.body["success"]), (status, &json!(false)), "{body}: {}", got.text);
    }
    // What does not fit a field is kept beside it: a form's visitor cannot mend it.
    let odd = json!({ "email": "odd@example.com", "company": "x".repeat(2_000), "phone": ["1"] });
    assert_eq!(post(&way.url, json, odd.to_string()).await.status, 200);
    let kept = lead_of(&world, "odd@example.com").await;
    assert_eq!((&kept["company"], &kept["custom_fields"]["phone"]), (&json!(null), &json!(["1"])));

    // A hundred a minute for each address, counted down exactly.
    let fresh = Way::with(&world, "500_leads", &["--name", "fresh"]).await;
    for left in (0..100).rev() {
        let got = post(&fresh.url, json, r#"{"email":"again@example.com"}"#).await;
        assert_eq!((got.status, got.header("x-ratelimit-remaining")), (200, left.to_string().as_str()));
    }
    let got = post(&fresh.url, json, EXAMPLE).await;
    assert_eq!((got.status, got.header("x-ratelimit-limit")), (429, "100"));
    assert!((1..=60).contains(&got.header("retry-after").parse::<u64>().unwrap()));

    let id = fresh.token.split('_').nth(1).unwrap();
    world.cli(&["key", "revoke", id]).await;
    let gone = || async { (post(&fresh.url, json, EXAMPLE).await.status == 404).then_some(()) };
    until("the token's end", gone).await;
}

#[tokio::test]
async fn a_mapping_that_fails_keeps_the_lead_aside_until_it_is_mended() {
    let world = World::embedded("500-leads-mapping").await;
    let way = Way::into(&world, "500_leads").await;
    let folder = tempfile::tempdir().unwrap();
    let file = |text: &str| {
        let path = folder.path().join("mapping.toml");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let of = ["--organization", "acme", "--source", &way.id];
    let narrow = file(
        "[[rules]]\nto = \"email\"\nfrom = [\"contact_email\"]\n\n\
         [[rules]]\nto = \"state\"\nfrom = [\"where\"]\nvalues = { Nevada = \"NV\" }\n",
    );
    let set = world.cli(&[&["mapping", "set"][..], &of, &[&narrow]].concat()).await;
    assert_eq!(set["version"], 1);
    let body = r#"{"contact_email":"mapped@example.com","where":"Texas"}"#;
    let quarantined = || async {
        assert_eq!(
            post(&way.url, "application/json", body).await.status,
            200,
            "told nothing: a form cannot mend it"
        );
        let list = world.cli(&["quarantine", "list", "--organization", "acme"]).await;
        list.as_array().unwrap().first().cloned()
    };
    let entry = until("the quarantine", quarantined).await;
    assert_eq!((&entry["reason"], &entry["state"]), (&json!("mapping_failed"), &json!("open")));

    let wide = file(
        "[[rules]]\nto = \"email\"\nfrom = [\"contact_email\"]\n\n\
         [[rules]]\nto = \"state\"\nfrom = [\"where\"]\nvalues = { Nevada = \"NV\" }\notherwise = \"other\"\n",
    );
    let preview =
        world.cli(&[&["mapping", "preview"][..], &of, &["--file", &wide, "--last", "1"]].concat()).await;
    assert_eq!(preview[0]["fields"]["email"], "mapped@example.com", "{preview}");
    assert_eq!(world.cli(&[&["mapping", "set"][..], &of, &[&wide]].concat()).await["version"], 2);
    let id = entry["id"].as_str().unwrap();
    for _ in 0..2 {
        world.cli(&["quarantine", "release", id, "--organization", "acme"]).await;
    }
    let lead = lead_of(&world, "mapped@example.com").await;
    assert_eq!(lead["state"], "other");
    let record = world.get(&format!("/v1/submissions/{}", entry["submission"].as_str().unwrap())).await.1;
    assert_eq!(record["outcome"], "created");
    world.cli(&[&["mapping", "rollback"][..], &of, &["--to", "1"]].concat()).await;
    let list = world.cli(&[&["mapping", "list"][..], &of].concat()).await;
    assert_eq!((&list[0]["active"], &list[1]["active"]), (&json!(true), &json!(false)));
}
