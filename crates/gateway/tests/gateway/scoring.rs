//! Scoring rules over HTTP.

use serde_json::{Value, json};

use crate::world::{Answer, World, send};

async fn set(world: &World, key: &str, document: &Value) -> Answer {
    let request = world.client.put(world.url("/v1/scoring")).bearer_auth(key);
    send(request.header("content-type", "application/json").body(document.to_string())).await
}

async fn score(world: &World, lead: Value) -> (Value, Value) {
    let id = world.accepted(&lead).await;
    world.work().await;
    let stored = send(world.get(&format!("/v1/leads/{id}"))).await.body;
    let record = send(world.get(&format!("/v1/submissions/{id}"))).await.body;
    assert_eq!(record["trace"]["score"]["score"], stored["score"]);
    (stored["score"].clone(), record["trace"]["score"]["scoring_version"].clone())
}

#[tokio::test]
async fn a_scoring_is_read_changed_and_used_without_a_restart() {
    let world = World::start().await;
    let standard = send(world.get("/v1/scoring")).await;
    assert_eq!((standard.status, &standard.body["version"]), (200, &json!(0)));
    assert_eq!(score(&world, json!({ "phone": "+14155550132" })).await, (json!(25), json!(0)));

    let mut scoring = standard.body["scoring"].clone();
    let when = json!({ "field": "custom_fields.budget", "at_least": 10_000 });
    scoring["rules"].as_array_mut().unwrap().push(json!({ "name": "big", "points": 40, "when": when }));
    let changed = set(&world, &world.key, &scoring).await;
    assert_eq!((changed.status, &changed.body["version"]), (200, &json!(1)), "{}", changed.body);
    let shown = send(world.get("/v1/scoring")).await;
    assert_eq!((shown.status, &shown.body), (200, &changed.body), "the stored scoring is shown");
    assert_eq!(shown.body["scoring"], scoring);

    let rich = json!({ "phone": "+14155550133", "custom_fields": { "budget": "12000" } });
    let validated = world.client.post(world.url("/v1/leads/validate")).bearer_auth(&world.key);
    let validated = validated.header("content-type", "application/json").body(rich.to_string());
    assert_eq!(send(validated).await.body["trace"]["score"]["points"][3], json!(["big", 40]));
    assert_eq!(score(&world, rich).await, (json!(65), json!(1)));

    let theirs = world.stranger().await;
    let shown = send(world.client.get(world.url("/v1/scoring")).bearer_auth(&theirs)).await;
    assert_eq!(shown.body["version"], 0, "other organizations keep their scoring");
    world.end().await;
}

#[tokio::test]
async fn an_invalid_scoring_names_the_rule_and_changes_nothing() {
    let world = World::start().await;
    let rule = json!({ "name": "mobile", "points": 5, "when": { "field": "phone.kind", "is": "moblie" } });
    let refused = set(&world, &world.key, &json!({ "hot": 70, "warm": 40, "rules": [rule] })).await;
    assert_eq!(refused.problem(), (422, "invalid_settings"));
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("rule 1 `mobile`: `phone.kind`, is: \"moblie\" is unknown; expected one of"),
        "{detail}"
    );
    for wrong in [json!({}), json!([]), json!({ "hot": 1, "warm": 2, "rules": [] })] {
        assert_eq!(set(&world, &world.key, &wrong).await.problem(), (422, "invalid_settings"), "{wrong}");
    }
    assert_eq!(send(world.get("/v1/scoring")).await.body["version"], 0);
    world.end().await;
}
