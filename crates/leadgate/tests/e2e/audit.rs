//! The audit log of reads and changes by command line and HTTP, and the intake report.

use serde_json::{Value, json};

use crate::world::{Shape, World, try_run, until};

async fn reads_and_changes_are_recorded(shape: Shape) {
    let world = World::start(shape, "audit").await;
    let acme = ["--organization", "acme"];
    let admin = world.cli(&["key", "create", acme[0], acme[1], "--scopes", "write,read,admin"]).await;
    let posted: Value =
        world.post(json!({ "phone": "+14155550187" }).to_string()).await.json().await.unwrap();
    let id = posted["id"].as_str().unwrap();
    let path = format!("/v1/leads/{id}");
    until("the lead", || async { (world.get(&path).await.1["status"] != "queued").then_some(()) }).await;
    let shown = world.cli(&["lead", "show", id, acme[0], acme[1]]).await;
    assert_eq!(shown["id"], id);
    let source = world.cli(&["source", "create", acme[0], acme[1], "--name", "crm"]).await;
    let source = source["id"].as_str().unwrap();
    world
        .cli(&["source", "update", source, acme[0], acme[1], "--policy", "update", "--consent", "optional"])
        .await;
    world.cli(&["key", "revoke", admin["id"].as_str().unwrap()]).await;

    // A gateway writes its collected entries within a moment.
    let list = ["audit", "list", acme[0], acme[1], "--action", "lead.read", "--since", "1h"];
    let by_key = until("the entry of the read", || async {
        let found = world.cli(&list).await["data"].clone();
        let all = found.as_array().unwrap().clone();
        all.into_iter().find(|entry| {
            entry["actor"].as_str().unwrap().starts_with("key ") && entry["detail"]["lead"] == id
        })
    })
    .await;
    assert_eq!(by_key["target"], id);
    let key = by_key["actor"].as_str().unwrap().strip_prefix("key ").unwrap();
    let key_entries = world.cli(&["audit", "list", acme[0], acme[1], "--key", key]).await;
    let key_entries = key_entries["data"].as_array().unwrap();
    assert!(
        !key_entries.is_empty() && key_entries.iter().all(|entry| entry["action"] == "lead.read"),
        "{key_entries:?}"
    );

    let all = world.cli(&["audit", "list", acme[0], acme[1], "--limit", "100"]).await;
    let all = all["data"].as_array().unwrap();
    let by_command_line = |action: &str| {
        let entry = all.iter().find(|entry| {
            entry["action"] == action && entry["actor"].as_str().unwrap().starts_with("command line")
        });
        entry.unwrap_or_else(|| panic!("no {action} in {all:#?}"))
    };
    assert_eq!(by_command_line("lead.read")["target"], id);
    assert_eq!(by_command_line("source.created")["target"], source);
    assert_eq!(by_command_line("source.updated")["detail"], json!({ "changed": ["consent", "policy"] }));
    assert_eq!(by_command_line("key.revoked")["target"], admin["id"]);
    assert_eq!(by_command_line("audit.listed")["target"], Value::Null);
    assert!(!serde_json::to_string(all).unwrap().contains("14155550187"));

    let report = world.cli(&["report", "intake", acme[0], acme[1]]).await;
    assert_eq!((&report["accepted"], &report["created"], &report["held"]), (&json!(1), &json!(1), &json!(1)));
    assert_eq!(report["held_by_reason"], json!({ "consent_missing": 1 }));
    let (ok, problem) =
        try_run(world.environment(), &["report", "intake", acme[0], acme[1], "--day", "tomorrow"]).await;
    assert!(!ok && problem["error"].as_str().unwrap().contains("not a day"), "{problem}");
}

#[tokio::test]
async fn reads_and_changes_are_recorded_embedded() {
    reads_and_changes_are_recorded(Shape::Embedded).await;
}

#[tokio::test]
async fn reads_and_changes_are_recorded_distributed() {
    reads_and_changes_are_recorded(Shape::Distributed).await;
}
