//! What would become of a lead, told without making it.

use serde_json::{Value, json};

use crate::world::{Answer, World, send};

async fn validate(world: &World, kind: &str, body: &str) -> Answer {
    let request = world.client.post(world.url("/v1/leads/validate")).bearer_auth(&world.key);
    send(request.header("content-type", kind).body(body.to_owned())).await
}

#[tokio::test]
async fn a_lead_is_judged_and_nothing_is_stored() {
    let world = World::start().await;
    let lead = json!({ "phone": "+1 415 555 0132", "full_name": "Ann Lee", "company": "Acme" });
    let told = validate(&world, "application/json", &lead.to_string()).await;
    assert_eq!((told.status, &told.body["outcome"]), (200, &json!("created")), "{}", told.body);
    assert_eq!(told.body["phone"]["e164"], "+14155550132");
    assert_eq!(
        (&told.body["reasons"], &told.body["trace"]["decide"]["eligibility"]),
        (&json!(["consent_missing"]), &json!("held"))
    );
    assert_eq!(world.published().await, 0);
    assert!(world.store.submissions(world.organization, None, 10).await.unwrap().data.is_empty());

    let id = world.accepted(&lead).await;
    world.work().await;
    let stored = send(world.get(&format!("/v1/leads/{id}"))).await.body;
    for same in ["phone", "email", "score", "temperature", "eligibility", "reasons", "first_name", "tags"] {
        assert_eq!(told.body[same], stored[same], "{same}");
    }
    let met = validate(&world, "application/json", &lead.to_string()).await;
    assert_eq!((&met.body["outcome"], &met.body["id"]), (&json!("duplicate"), &json!(id)));
    world.end().await;
}

#[tokio::test]
async fn lines_are_told_in_their_order_and_each_alone() {
    let world = World::start().await;
    let lines =
        "{\"phone\":\"+14155550133\"}\n\n{\"email\":5}\n{\"phone\":\"+14155550133\",\"is_test\":true}\n";
    let told = validate(&world, "application/x-ndjson", lines).await;
    assert_eq!(told.status, 200, "{}", told.body);
    let lines: Vec<Value> =
        told.body.as_str().unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let heads: Vec<_> = lines.iter().map(|line| (&line["outcome"], &line["code"])).collect();
    let (created, none) = (&json!("created"), &Value::Null);
    assert_eq!(heads, [(created, none), (none, &json!("invalid_lead")), (created, none)]);
    assert_eq!(lines[2]["reasons"], json!(["test_lead", "consent_missing"]));
    for (kind, body, status) in [
        ("application/x-ndjson", "\n", 400),
        ("application/x-ndjson", &"{}\n".repeat(501), 400),
        ("text/plain", "{}", 415),
        ("application/json", "{}", 422),
        ("application/json", "{", 400),
    ] {
        assert_eq!(validate(&world, kind, body).await.status, status, "{kind} {body:.20}");
    }
    world.end().await;
}
