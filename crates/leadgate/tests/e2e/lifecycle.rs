//! Leads, sources and keys are changed by the command line while programs run.

use serde_json::{Value, json};

use crate::systems::TestSource;
use crate::world::{Servers, Shape, World, http, run_with_exit_code, until};

async fn start(shape: Shape) -> World {
    match shape {
        Shape::Embedded => World::embedded("lifecycle").await,
        // Leads stay in the queue until the test starts a worker.
        Shape::Distributed => World::distributed("lifecycle", &Servers::shared().await, 0).await,
    }
}

async fn post(url: &str, key: &str) -> (u16, Value) {
    let body = json!({ "phone": "+14155550132", "full_name": "Ann Lee" });
    let response = http().post(url).bearer_auth(key).json(&body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or_default())
}

/// `lead list` prints the same as HTTP, and `lead validate` stores nothing.
async fn leads_are_listed_and_validated(world: &World, source_id: &str, id: &str) {
    let listed = world.cli(&["lead", "list", "--organization", "acme", "--source", source_id]).await;
    assert_eq!((&listed["data"][0]["id"], &listed["next"]), (&json!(id), &json!(null)));
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("leads.json");
    std::fs::write(&file, "{\"phone\":\"+14155550132\"}\n{\"company\":7}\n{\"phone\":\"+14155550199\"}\n")
        .unwrap();
    let validate =
        ["lead", "validate", file.to_str().unwrap(), "--organization", "acme", "--source", source_id];
    let previews = world.cli(&[&validate[..], &["--lines"]].concat()).await;
    assert_eq!((&previews[0]["outcome"], &previews[2]["outcome"]), (&json!("duplicate"), &json!("created")));
    assert!(previews[1]["error"].as_str().unwrap().contains("/company"), "{previews}");
    let (code, answer) = run_with_exit_code(world.environment(), &validate).await;
    assert_eq!(code, 2, "{answer}");
}

async fn leads_sources_and_keys_are_changed(shape: Shape) {
    let mut world = start(shape).await;
    let source = TestSource::create_with(&world, "native", &["--name", "partner"]).await;
    let leads = format!("{}/v1/leads", world.base);
    let id = post(&leads, &source.key).await.1["id"].as_str().unwrap().to_owned();
    if shape == Shape::Distributed {
        world.start_worker().await;
    }
    let path = format!("/v1/leads/{id}");
    let shown = until("the lead to be stored", || async {
        Some(world.get(&path).await.1).filter(|lead| lead["submission"]["outcome"] == "created")
    })
    .await;
    assert_eq!((&shown["source_name"], &shown["status"]), (&json!("partner"), &json!("new")));

    leads_are_listed_and_validated(&world, &source.id, &id).await;
    let for_the_lead = |arguments: &[&'static str]| {
        let (command, rest) = arguments.split_at(2);
        [command, &[id.as_str(), "--organization", "acme"], rest]
            .concat()
            .iter()
            .map(|&word| word.to_owned())
            .collect()
    };
    let cli = async |arguments: Vec<String>| {
        world.cli(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await
    };
    assert_eq!(cli(for_the_lead(&["lead", "status", "contacted"])).await["status"], "contacted");
    let update: [&'static str; 8] =
        ["lead", "update", "--reason", "she called", "--set", "company=Leeds Ltd", "--clear", "full_name"];
    let corrected = cli(for_the_lead(&update)).await;
    assert_eq!((&corrected["company"], &corrected["full_name"]), (&json!("Leeds Ltd"), &json!(null)));
    assert_eq!(corrected["source_name"], "partner");
    let stored_lead = world.get(&path).await.1;
    assert_eq!((&stored_lead["status"], &stored_lead["company"]), (&json!("contacted"), &json!("Leeds Ltd")));

    let key_id = source.key.split('_').nth(2).unwrap();
    let key = world.cli(&["key", "update", key_id, "--name", "crm", "--rate", "600/min"]).await;
    assert_eq!((&key["name"], &key["rate"]), (&json!("crm"), &json!("600/min")));

    let in_acme = ["--organization", "acme"];
    world.cli(&[&["source", "disable", source.id.as_str()], &in_acme[..]].concat()).await;
    until("the refusal of the source", || async { (post(&leads, &source.key).await.0 == 403).then_some(()) })
        .await;
    world.cli(&[&["source", "enable", source.id.as_str()], &in_acme[..]].concat()).await;
    until("the source to be enabled", || async { (post(&leads, &source.key).await.0 == 202).then_some(()) })
        .await;
    world.cli(&[&["source", "delete", source.id.as_str()], &in_acme[..]].concat()).await;
    until("the refusal of the key", || async { (post(&leads, &source.key).await.0 == 401).then_some(()) })
        .await;
    assert_eq!(world.get(&path).await.1["source_name"], "partner", "its leads stay");
    let listed = world.cli(&[&["source", "list"], &in_acme[..]].concat()).await;
    assert!(!listed.to_string().contains("partner"), "{listed}");

    assert_eq!(cli(for_the_lead(&["lead", "delete"])).await["deleted"], true);
    assert_eq!(world.get(&path).await.1["status"], "erased");
    let (code, answer) =
        run_with_exit_code(world.environment(), &["lead", "delete", &id, "--organization", "acme"]).await;
    assert!(code != 0 && answer["error"].as_str().unwrap().contains("has no lead"), "{answer}");
}

#[tokio::test]
async fn leads_sources_and_keys_are_changed_embedded() {
    leads_sources_and_keys_are_changed(Shape::Embedded).await;
}

#[tokio::test]
async fn leads_sources_and_keys_are_changed_distributed() {
    leads_sources_and_keys_are_changed(Shape::Distributed).await;
}

#[tokio::test]
async fn queued_submissions_of_a_deleted_source_are_quarantined() {
    let mut world = start(Shape::Distributed).await;
    let source = TestSource::create_with(&world, "native", &["--name", "partner"]).await;
    let id =
        post(&format!("{}/v1/leads", world.base), &source.key).await.1["id"].as_str().unwrap().to_owned();
    world.cli(&["source", "delete", &source.id, "--organization", "acme"]).await;
    world.start_worker().await;
    let quarantined = until("the submission to be judged", || async {
        Some(world.get(&format!("/v1/submissions/{id}")).await.1).filter(|one| one["status"] != "queued")
    })
    .await;
    assert_eq!(
        (&quarantined["status"], &quarantined["reason"]),
        (&json!("quarantined"), &json!("source_gone"))
    );
}
