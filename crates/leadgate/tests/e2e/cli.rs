//! The command line while a server runs.

use serde_json::json;

use crate::world::{Shape, World, try_run, until};

async fn a_new_source_and_key_work(shape: Shape) {
    let world = World::start(shape, "cli").await;
    let source = world
        .cli(&[
            "source",
            "create",
            "--organization",
            "acme",
            "--name",
            "crm",
            "--region",
            "GB",
            "--policy",
            "update",
            "--window",
            "90d",
            "--consent",
            "optional",
            "--tags",
            "crm,uk",
        ])
        .await;
    assert_eq!((&source["policy"], &source["region"]), (&json!("update"), &json!("GB")));
    let id = source["id"].as_str().unwrap();
    let key = world.cli(&["key", "create", "--organization", "acme", "--source", id, "--test"]).await;
    assert_eq!(key["scopes"], json!(["write"]), "a key of a named source can only write by default");
    let text = key["key"].as_str().unwrap();

    // A new key is valid at once, and the settings of its source apply to its leads.
    let post_with_key = |key: String| async {
        let request = crate::world::http().post(format!("{}/v1/leads", world.base)).bearer_auth(key);
        request.json(&json!({ "phone": "020 7946 0958" })).send().await.unwrap()
    };
    let accepted = post_with_key(text.to_owned()).await;
    assert_eq!(accepted.status(), 202);
    let location = accepted.headers()["location"].to_str().unwrap().to_owned();
    let shown = until("the lead", || async {
        let (_, shown) = world.get(&location).await;
        (shown["status"] != "queued").then_some(shown)
    })
    .await;
    assert_eq!(shown["phone"]["e164"], "+442079460958");
    assert_eq!(shown["tags"], json!(["crm", "uk"]));
    assert_eq!(
        shown["reasons"],
        json!(["test_lead"]),
        "posted with a test key, and consent is optional here"
    );

    let submission = location.rsplit('/').next().unwrap();
    let trace = world.cli(&["lead", "trace", submission, "--organization", "acme"]).await;
    assert_eq!(trace["history"][0]["trace"]["decide"]["consent_not_required"], true);
    let sentences: Vec<_> = trace["history"][0]["explanation"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|sentence| sentence.as_str())
        .collect();
    assert!(trace["received"].as_str().unwrap().contains("by the source \"crm\""), "{trace}");
    for sentence in
        ["The region GB was applied", "The lead is held because it is a test lead.", "it created the lead"]
    {
        assert!(sentences.iter().any(|text| text.contains(sentence)), "{sentence}: not in {sentences:#?}");
    }
    let printed = world.cli(&["lead", "show", submission, "--organization", "acme"]).await;
    assert_eq!(printed["id"], shown["id"]);

    world.cli(&["key", "revoke", key["id"].as_str().unwrap()]).await;
    let revoked = std::time::Instant::now();
    until("the end of the key", || async {
        (post_with_key(text.to_owned()).await.status() == 401).then_some(())
    })
    .await;
    println!("{shape:?}: a revoked key was refused after {:?}", revoked.elapsed());
    assert!(revoked.elapsed() < std::time::Duration::from_secs(10));

    let (ok, problem) =
        try_run(world.environment(), &["lead", "show", submission, "--organization", "unknown"]).await;
    assert!(!ok && problem["error"].as_str().unwrap().contains("`unknown`"), "{problem}");
}

#[tokio::test]
async fn a_new_source_and_key_work_embedded() {
    a_new_source_and_key_work(Shape::Embedded).await;
}

#[tokio::test]
async fn a_new_source_and_key_work_distributed() {
    a_new_source_and_key_work(Shape::Distributed).await;
}

#[tokio::test]
async fn two_servers_do_not_share_a_data_folder() {
    let world = World::embedded("lock").await;
    let (ok, problem) = try_run(world.environment(), &["serve", "--listen", "127.0.0.1:0"]).await;
    assert!(!ok && problem["error"].as_str().unwrap().contains("another leadgate"), "{problem}");
}

/// A message that cannot be read is parked, is listed, and can be replayed.
#[tokio::test]
async fn a_message_that_cannot_be_read_is_parked() {
    let world = World::start(Shape::Distributed, "parked").await;
    let vhost = world.vhost.as_ref().unwrap();
    for body in [r#"{"v":999,"submissions":[]}"#, "garbage"] {
        assert!(vhost.publish("leadgate.leads", "leads.0", body).await.unwrap(), "routed");
    }
    let parked = until("two parked messages", || async {
        let parked = world.cli(&["parked", "list"]).await;
        (parked.as_array().unwrap().len() == 2).then_some(parked)
    })
    .await;
    let mut reasons: Vec<_> =
        parked.as_array().unwrap().iter().map(|message| message["reason"].clone()).collect();
    reasons.sort_by_key(ToString::to_string);
    assert_eq!(reasons, [json!("unknown_version"), json!("unreadable")]);
    assert_eq!(world.cli(&["parked", "replay", "--all"]).await["replayed"], 2);
    until("both parked again", || async {
        let parked = world.cli(&["parked", "list"]).await;
        (parked.as_array().unwrap().len() == 2).then_some(())
    })
    .await;
}
