//! Submissions that were misread are read again: quarantined ones with a repaired body, stored ones with the
//! current mapping.

use serde_json::{Value, json};

use crate::world::{Shape, World, http, try_run, until};

async fn misread_submissions_are_repaired(shape: Shape) {
    let world = World::start(shape, "reprocessing").await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let create = ["source", "create", "--organization", "acme", "--dialect", "native", "--region", "US"];
    let source = world.cli(&create).await;
    let (id, url) = (source["id"].as_str().unwrap(), source["url"].as_str().unwrap());
    let path = &url[url.find("/api/").unwrap()..];
    let create = ["key", "create", "--organization", "acme", "--source", id, "--scopes", "write,read"];
    let key = world.cli(&create).await;
    let key = key["key"].as_str().unwrap();
    let set = async |rules: String| {
        let mapping = file("mapping.toml", &rules);
        world.cli(&["mapping", "set", "--source", id, &mapping, "--organization", "acme"]).await
    };
    let rule = |to: &str, from: &str| format!("[[rules]]\nto = \"{to}\"\nfrom = [\"{from}\"]\n");
    set(format!("{}{}required = true\n", rule("phone", "kontakt"), rule("email", "mail"))).await;
    let ann = json!({ "kontakt": "(415) 555-0161", "mail": "ann@example.com" });
    until("the gateway to know the mapping", || async {
        let request = http().post(format!("{}/v1/leads/validate", world.base)).bearer_auth(key).json(&ann);
        let validated: Value = request.send().await.unwrap().json().await.unwrap();
        (validated["phone"]["e164"] == "+14155550161").then_some(())
    })
    .await;
    let post = async |body: Value| {
        let response = http().post(format!("{}{path}", world.base)).json(&body).send().await.unwrap();
        assert_eq!(response.status(), 202);
        response.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
    };
    let accepted = post(ann).await;
    let quarantined = post(json!({ "kontakt": "(415) 555-0162", "post": "bob@example.com" })).await;
    until("the quarantine", || async {
        let list = world.cli(&["quarantine", "list", "--organization", "acme"]).await;
        (list[0]["id"] == quarantined.as_str()).then_some(())
    })
    .await;

    // A repaired body must be valid.
    let invalid_body = file("bad.json", r#"{"kontakt":"(415) 555-0162"}"#);
    let repair = async |body: String| {
        let repair = ["quarantine", "repair", &quarantined, "--organization", "acme", "--body", &body];
        try_run(world.environment(), &repair).await
    };
    let (ok, problem) = repair(invalid_body).await;
    assert!(!ok && problem["error"].as_str().unwrap().contains("the mapping cannot be applied"), "{problem}");
    let (ok, entry) =
        repair(file("good.json", r#"{"kontakt":"(415) 555-0162","mail":"bob@example.com"}"#)).await;
    assert!(ok && entry["repaired_by"] == "command line", "{entry}");
    for _ in 0..2 {
        world.cli(&["quarantine", "release", &quarantined, "--organization", "acme"]).await;
    }
    let lead = until("the released lead", || async {
        let (_, shown) = world.get(&format!("/v1/leads/{quarantined}")).await;
        (shown["email"]["address"] == "bob@example.com").then_some(shown)
    })
    .await;
    assert_eq!(lead["phone"]["e164"], "+14155550162");

    // The current mapping reads the phone as a note, so the lead has no phone.
    set(format!("{}{}", rule("custom_fields.note", "kontakt"), rule("email", "mail"))).await;
    let reprocess = async |arguments: &[&str]| {
        world.cli(&[&["reprocess", "--organization", "acme"], arguments].concat()).await
    };
    let preview = reprocess(&["--dry-run", "--source", id]).await;
    assert_eq!((&preview["dry_run"], &preview["changed"]), (&json!(true), &json!(2)), "{preview}");
    let changes = &preview["leads"][0]["changes"];
    assert_eq!(changes["phone"]["after"], Value::Null);
    assert!(changes["phone"]["before"]["e164"].is_string());
    let (_, shown) = world.get(&format!("/v1/leads/{accepted}")).await;
    assert_eq!(shown["phone"]["e164"], "+14155550161", "a dry run changes nothing");
    let result = reprocess(&["--lead", &accepted]).await;
    assert_eq!((&result["changed"], &result["unchanged"]), (&json!(1), &json!(0)));
    let (_, shown) = world.get(&format!("/v1/leads/{accepted}")).await;
    assert_eq!((&shown["phone"], &shown["custom_fields"]["note"]), (&Value::Null, &json!("(415) 555-0161")));
    assert!(shown["reasons"].as_array().unwrap().contains(&json!("phone_missing")));
    let result = reprocess(&["--all"]).await;
    assert_eq!((&result["changed"], &result["unchanged"]), (&json!(1), &json!(1)));
    let (ok, problem) = try_run(world.environment(), &["reprocess", "--organization", "acme"]).await;
    assert!(!ok && problem["error"].as_str().unwrap().contains("no leads are selected"), "{problem}");
}

#[tokio::test]
async fn misread_submissions_are_repaired_embedded() {
    misread_submissions_are_repaired(Shape::Embedded).await;
}

#[tokio::test]
async fn misread_submissions_are_repaired_distributed() {
    misread_submissions_are_repaired(Shape::Distributed).await;
}
