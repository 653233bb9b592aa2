//! A person is erased while a server runs.

use std::time::Duration;

use leadgate_store::{Store, StoreConfig};
use serde_json::{Value, json};

use crate::world::{Shape, World, try_run, until};

async fn a_person_is_erased_and_held(shape: Shape) {
    let world = World::start(shape, "erasing").await;
    let ann = json!({
        "phone": "+14155550132", "email": "theodora@quillfeather.example", "full_name": "Theodora Quillfeather",
        "consent": {
            "consent_timestamp": "2026-01-01T00:00:00Z", "consent_text_version": "v1",
            "source_url": "https://example.com/form",
        },
    });
    let bob = json!({ "phone": "+14155550133", "email": "bob@example.org" });
    let first = post(&world, &ann).await;
    let again = post(&world, &ann).await;
    let other = post(&world, &bob).await;

    let erase = ["erase", "--organization", "acme", "--phone", "415 555 0132", "--region", "US"];
    let (ok, error_document) = try_run(world.environment(), &erase).await;
    assert!(!ok && error_document["error"].as_str().unwrap().contains("--yes"), "{error_document}");
    let preview = world.cli(&[&erase[..], &["--dry-run"]].concat()).await;
    assert_eq!((&preview["submissions"], &preview["leads"]), (&json!(2), &json!(1)));
    let unknown = "01890a5d-ac96-774b-bcce-b302099a8057";
    let preview = world.cli(&[&erase[..], &["--lead", unknown, "--dry-run"]].concat()).await;
    assert_eq!((&preview["leads"], &preview["unknown_leads"]), (&json!(1), &json!([unknown])));
    let (_, shown) = world.get(&format!("/v1/leads/{first}")).await;
    assert_eq!(shown["full_name"], "Theodora Quillfeather");

    let erased = world.cli(&[&erase[..], &["--yes", "--reason", "asked by mail"]].concat()).await;
    let counts =
        ["submissions", "leads", "consents", "suppressed"].map(|name| erased[name].as_u64().unwrap());
    assert_eq!(counts, [2, 1, 2, 2], "{erased}");
    for (id, outcome) in [(&first, "created"), (&again, "duplicate")] {
        let (status, lead) = world.get(&format!("/v1/leads/{id}")).await;
        assert_eq!((status, &lead["status"]), (200, &json!("erased")), "{lead}");
        assert_eq!(lead["submission"], json!({ "id": id, "outcome": outcome }));
        let (status, submission) = world.get(&format!("/v1/submissions/{id}")).await;
        assert_eq!((status, &submission["outcome"]), (200, &json!(outcome)));
        assert!(submission["erased_at"].is_string());
        let text = submission.to_string();
        assert!(
            !["4155550132", "uillfeather", "127.0.0.1", "body_hash"]
                .iter()
                .any(|personal| text.contains(personal))
        );
    }
    let (_, unaffected) = world.get(&format!("/v1/leads/{other}")).await;
    assert_eq!(unaffected["phone"]["e164"], "+14155550133");
    let found =
        world.cli(&["suppression", "find", "--organization", "acme", "--phone", "+14155550132"]).await;
    assert_eq!((&found[0]["list"], &found[0]["value"]), (&json!("erased"), &Value::Null));
    assert_eq!(found[0]["reason"], "asked by mail");

    let new_submission = post(&world, &json!({ "phone": "+14155550132" })).await;
    let (_, shown) = world.get(&format!("/v1/submissions/{new_submission}")).await;
    assert!(shown["erased_at"].is_string(), "it may have been in the queue, within 30 s: {shown}");
    let erased = world.cli(&["erase", "--organization", "acme", "--lead", &other, "--yes"]).await;
    assert_eq!((&erased["submissions"], &erased["leads"]), (&json!(1), &json!(1)));
    let (ok, error_document) =
        try_run(world.environment(), &["erase", "--organization", "acme", "--lead", &other, "--yes"]).await;
    assert!(
        !ok && error_document["error"].as_str().unwrap().contains("none of these leads"),
        "{error_document}"
    );
}

async fn post(world: &World, lead: &Value) -> String {
    let answer: Value = world.post(lead.to_string()).await.json().await.unwrap();
    let id = answer["id"].as_str().unwrap();
    until("the lead", || async {
        let (_, shown) = world.get(&format!("/v1/leads/{id}")).await;
        (shown["status"] != "queued").then_some(())
    })
    .await;
    id.to_owned()
}

#[tokio::test]
async fn a_person_is_erased_and_held_embedded() {
    a_person_is_erased_and_held(Shape::Embedded).await;
}

#[tokio::test]
async fn a_person_is_erased_and_held_distributed() {
    a_person_is_erased_and_held(Shape::Distributed).await;
}

#[tokio::test]
async fn expired_data_is_erased() {
    let world = World::start(Shape::Embedded, "retaining").await;
    let id = post(&world, &json!({ "phone": "+14155550132" })).await;
    let set = ["retention", "set", "--organization", "acme", "--submissions", "1s", "--leads", "3y"];
    let settings = world.cli(&set).await;
    assert_eq!(
        settings,
        json!({ "submissions": "1s", "leads": "3years", "quarantine": "ever", "audit": "ever", "events": "30d" })
    );
    let settings = world.cli(&["retention", "set", "--organization", "acme", "--leads", "ever"]).await;
    assert_eq!(settings, world.cli(&["retention", "show", "--organization", "acme"]).await);
    assert_eq!((&settings["submissions"], &settings["leads"]), (&json!("1s"), &json!("ever")));
    let swept = until("the submission to expire", || async {
        let swept = world.cli(&["retention", "sweep"]).await;
        (swept["submissions"] != 0).then_some(swept)
    })
    .await;
    assert_eq!(swept, json!({ "submissions": 1, "leads": 0, "quarantined": 0, "audited": 0, "events": 0 }));
    let (_, submission) = world.get(&format!("/v1/submissions/{id}")).await;
    assert!(submission["erased_at"].is_string() && submission.get("fields").is_none(), "{submission}");
    let (_, lead) = world.get(&format!("/v1/leads/{id}")).await;
    assert_eq!(lead["phone"]["e164"], "+14155550132", "the lead does not expire");

    world.cli(&["retention", "set", "--organization", "acme", "--leads", "1s"]).await;
    assert_eq!(world.cli(&["retention", "sweep"]).await["leads"], 1);
    assert_eq!(world.get(&format!("/v1/leads/{id}")).await.1["status"], "erased");
}

/// The files of the data folder that contain a text.
fn files_with_text(world: &World, text: &str) -> Vec<String> {
    let data = world.environment().iter().find(|(name, _)| name == "LEADGATE_DATA").unwrap().1.clone();
    let files = std::fs::read_dir(data).unwrap().map(|file| file.unwrap().path());
    let has = |file: &std::path::PathBuf| {
        let bytes = std::fs::read(file).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    };
    files.filter(has).map(|file| file.display().to_string()).collect()
}

#[tokio::test]
async fn an_erased_person_is_in_no_file() {
    let mut world = World::start(Shape::Embedded, "forgetting").await;
    let ann = json!({
        "phone": "+14155550132", "full_name": "Theodora Quillfeather", "comment": "x".repeat(9_000),
    });
    for _ in 0..20 {
        post(&world, &ann).await;
    }
    assert!(!files_with_text(&world, "Quillfeather").is_empty());
    let erase = ["erase", "--organization", "acme", "--phone", "+14155550132", "--yes"];
    assert_eq!(world.cli(&erase).await["submissions"], 20);
    // The test closes its own connections to the store, which would keep the write-ahead log.
    world.store = Store::open(&StoreConfig::api("sqlite:/nowhere")).unwrap();
    world.server.terminate(Duration::from_secs(30)).await.unwrap();
    assert_eq!(files_with_text(&world, "Quillfeather"), [""; 0]);
}

#[tokio::test]
async fn another_secret_is_refused() {
    let world = World::start(Shape::Distributed, "secrets").await;
    let mut environment = world.environment().to_vec();
    environment.retain(|(name, _)| name != "LEADGATE_SECRET");
    environment.push(("LEADGATE_SECRET".to_owned(), "another secret that is long enough for one".to_owned()));
    let list = ["suppression", "list", "--organization", "acme"];
    let (ok, error_document) = try_run(&environment, &list).await;
    let error = error_document["error"].as_str().unwrap();
    assert!(!ok && error.contains("the secret does not belong to the store"), "{error}");
    // The new secret with the previous one re-encrypts the match key, and later programs need only the new
    // secret.
    let old = world.environment().iter().find(|(name, _)| name == "LEADGATE_SECRET").unwrap().1.clone();
    environment.push(("LEADGATE_SECRET_PREVIOUS".to_owned(), old));
    assert!(try_run(&environment, &list).await.0);
    environment.pop();
    assert!(try_run(&environment, &list).await.0);
    assert!(
        !try_run(world.environment(), &list).await.0,
        "the match key is encrypted under the new secret only"
    );
}
