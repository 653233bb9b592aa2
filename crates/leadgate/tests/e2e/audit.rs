//! Who read or changed what, and what became of a day: at the command line and over HTTP.

use serde_json::{Value, json};

use crate::world::{Shape, World, try_run, until};

async fn what_is_read_and_changed_is_told(shape: Shape) {
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

    // What a gateway gathered is there within a moment.
    let read = ["audit", "list", acme[0], acme[1], "--action", "lead.read", "--since", "1h"];
    let by_key = until("the entry of the read", || async {
        let found = world.cli(&read).await["data"].clone();
        let all = found.as_array().unwrap().clone();
        all.into_iter()
            .find(|one| one["actor"].as_str().unwrap().starts_with("key ") && one["detail"]["lead"] == id)
    })
    .await;
    assert_eq!(by_key["target"], id);
    let key = by_key["actor"].as_str().unwrap().strip_prefix("key ").unwrap();
    let own = world.cli(&["audit", "list", acme[0], acme[1], "--key", key]).await;
    let own = own["data"].as_array().unwrap();
    assert!(!own.is_empty() && own.iter().all(|one| one["action"] == "lead.read"), "{own:?}");

    let all = world.cli(&["audit", "list", acme[0], acme[1], "--limit", "100"]).await;
    let all = all["data"].as_array().unwrap();
    let by_hand = |action: &str| {
        let entry = all.iter().find(|one| {
            one["action"] == action && one["actor"].as_str().unwrap().starts_with("command line")
        });
        entry.unwrap_or_else(|| panic!("no {action} in {all:#?}"))
    };
    assert_eq!(by_hand("lead.read")["target"], id);
    assert_eq!(by_hand("source.created")["target"], source);
    assert_eq!(by_hand("source.updated")["detail"], json!({ "changed": ["consent", "policy"] }));
    assert_eq!(by_hand("key.revoked")["target"], admin["id"]);
    assert_eq!(by_hand("audit.listed")["target"], Value::Null);
    assert!(!serde_json::to_string(all).unwrap().contains("14155550187"));

    let report = world.cli(&["report", "intake", acme[0], acme[1]]).await;
    assert_eq!((&report["accepted"], &report["created"], &report["held"]), (&json!(1), &json!(1), &json!(1)));
    assert_eq!(report["held_by_reason"], json!({ "consent_missing": 1 }));
    let (ok, problem) =
        try_run(world.environment(), &["report", "intake", acme[0], acme[1], "--day", "tomorrow"]).await;
    assert!(!ok && problem["error"].as_str().unwrap().contains("not a day"), "{problem}");
}

#[tokio::test]
async fn what_is_read_and_changed_is_told_embedded() {
    what_is_read_and_changed_is_told(Shape::Embedded).await;
}

#[tokio::test]
async fn what_is_read_and_changed_is_told_in_production() {
    what_is_read_and_changed_is_told(Shape::Production).await;
}
