//! Organizations are managed while programs run.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::systems::TestSource;
use crate::world::{Servers, Shape, World, http, run_with_exit_code, until};

const LEADS: usize = 30;

async fn start(shape: Shape) -> World {
    match shape {
        Shape::Embedded => World::embedded("organizations").await,
        // Leads stay in the queue until the test starts a worker.
        Shape::Distributed => World::distributed("organizations", &Servers::shared().await, 0).await,
    }
}

async fn post(url: &str, key: Option<&str>) -> (u16, Value) {
    let request = http().post(url).json(&json!({ "phone": "+14155550132", "email": "ann@example.com" }));
    let request = match key {
        Some(key) => request.bearer_auth(key),
        None => request,
    };
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or_default())
}

async fn a_disabled_organization_is_refused_until_it_is_enabled(shape: Shape) {
    let mut world = start(shape).await;
    let form_source = TestSource::create(&world, "native").await;
    let other = world.cli(&["key", "create", "--organization", "other", "--create-organization"]).await;
    let other = other["key"].as_str().unwrap().to_owned();
    let leads = format!("{}/v1/leads", world.base);
    let mut accepted = BTreeSet::new();
    for _ in 0..LEADS {
        let (status, answer) = post(&leads, Some(&world.key)).await;
        assert_eq!(status, 202, "{answer}");
        accepted.insert(answer["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(post(&form_source.url, None).await.0, 202);

    let disabled = world.cli(&["organization", "disable", "acme"]).await;
    assert!(disabled["disabled_at"].is_string(), "{disabled}");
    until("the refusal of a token", || async { (post(&form_source.url, None).await.0 == 404).then_some(()) })
        .await;
    let (status, problem) = post(&leads, Some(&world.key)).await;
    assert_eq!((status, &problem["code"]), (401, &json!("revoked_key")));
    assert_eq!(world.get("/v1/leads").await.0, 401);
    assert_eq!(post(&leads, Some(&form_source.key)).await.0, 401);
    assert_eq!(post(&leads, Some(&other)).await.0, 202, "other organizations are not affected");
    // A key that is not in the snapshot yet.
    let new_key = world.cli(&["key", "create", "--organization", "acme"]).await;
    assert_eq!(post(&leads, new_key["key"].as_str()).await.0, 401);

    if shape == Shape::Distributed {
        world.start_worker().await;
    }
    until("queued leads to be stored", || async {
        let stored: BTreeSet<_> = world
            .observed_submissions()
            .await
            .iter()
            .map(|submission| submission.submission.to_string())
            .collect();
        accepted.is_subset(&stored).then_some(())
    })
    .await;
    let suppression = ["suppression", "add", "--organization", "acme", "--phone", "+14155550132"];
    assert_eq!(world.cli(&suppression).await["added"], 1, "the command line is not affected");

    let enabled = world.cli(&["organization", "enable", "acme"]).await;
    assert_eq!(enabled["disabled_at"], json!(null));
    until("the token to be accepted", || async {
        (post(&form_source.url, None).await.0 == 202).then_some(())
    })
    .await;
    assert_eq!(post(&leads, Some(&world.key)).await.0, 202);
    assert_eq!(post(&leads, new_key["key"].as_str()).await.0, 202);
    let log = world.cli(&["audit", "list", "--organization", "acme"]).await;
    let actions: Vec<_> = log["data"].as_array().unwrap().iter().map(|entry| &entry["action"]).collect();
    for action in ["organization.disabled", "organization.enabled"] {
        assert!(actions.contains(&&json!(action)), "{actions:?}");
    }
}

#[tokio::test]
async fn a_disabled_organization_is_refused_embedded() {
    a_disabled_organization_is_refused_until_it_is_enabled(Shape::Embedded).await;
}

#[tokio::test]
async fn a_disabled_organization_is_refused_distributed() {
    a_disabled_organization_is_refused_until_it_is_enabled(Shape::Distributed).await;
}

async fn organizations_are_created_by_name_only(shape: Shape) {
    let world = start(shape).await;
    let run = async |arguments: &[&str]| run_with_exit_code(world.environment(), arguments).await;
    let names = async || {
        let all = world.cli(&["organization", "list"]).await;
        all.as_array()
            .unwrap()
            .iter()
            .map(|organization| organization["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    for arguments in [
        &["suppression", "add", "--organization", "acne", "--phone", "+14155550132"][..],
        &["tag", "create", "--organization", "acne", "--name", "spring"],
        &["key", "create", "--organization", "acne"],
        &["source", "create", "--organization", "acne"],
        &["organization", "show", "acne"],
        &["organization", "rename", "acne", "other"],
        &["organization", "disable", "acne"],
        &["organization", "enable", "acne"],
    ] {
        let (code, answer) = run(arguments).await;
        let error = answer["error"].as_str().unwrap();
        assert!(code == 2 && error.contains("unknown organization `acne`; similar names: `acme`"), "{error}");
    }
    assert_eq!(names().await, ["acme"]);

    let created = world.cli(&["organization", "create", " Über & Söhne "]).await;
    assert_eq!(created["name"], "Über & Söhne");
    let (code, answer) = run(&["organization", "create", "Über & Söhne"]).await;
    assert_eq!(
        (code, &answer["error"]),
        (2, &json!("an organization `Über & Söhne` already exists; choose another name"))
    );
    let source = ["source", "create", "--organization", "forms", "--create-organization"];
    let (code, answer) = run(&[&source[..], &["--name", " "]].concat()).await;
    assert!(code == 2 && answer["error"].as_str().unwrap().contains("a name has"), "{answer}");
    assert!(!names().await.contains(&"forms".to_owned()), "an invalid setting creates no organization");
    assert_eq!(world.cli(&source).await["organization"], "forms");
    assert_eq!(names().await, ["acme", "forms", "Über & Söhne"]);

    let (code, answer) = run(&["organization", "rename", "acme", "forms"]).await;
    assert!(code == 2 && answer["error"].as_str().unwrap().contains("already"), "{answer}");
    let renamed = world.cli(&["organization", "rename", "acme", "acme uk"]).await;
    assert_eq!((&renamed["name"], &renamed["id"]), (&json!("acme uk"), &json!(world.organization)));
    assert_eq!(world.get("/v1/leads").await.0, 200, "keys stay valid");
    let shown = world.cli(&["organization", "show", "acme uk"]).await;
    assert_eq!((&shown["id"], &shown["disabled_at"]), (&json!(world.organization), &json!(null)));
}

#[tokio::test]
async fn organizations_are_created_by_name_only_embedded() {
    organizations_are_created_by_name_only(Shape::Embedded).await;
}

#[tokio::test]
async fn organizations_are_created_by_name_only_distributed() {
    organizations_are_created_by_name_only(Shape::Distributed).await;
}
