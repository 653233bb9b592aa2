//! Suppression lists over HTTP.

use leadgate_domain::{Dialect, Sha256Digest};
use serde_json::{Value, json};

use crate::world::{Answer, World, make_key, send};

async fn ask(world: &World, path: &str, document: &Value) -> Answer {
    let request = world.client.post(world.url(path)).bearer_auth(&world.key);
    send(request.header("content-type", "application/json").body(document.to_string())).await
}

async fn reasons(world: &World, id: &str) -> Value {
    send(world.get(&format!("/v1/leads/{id}"))).await.body["reasons"].clone()
}

fn consenting(phone: &str, email: &str) -> Value {
    let consent = json!({
        "consent_timestamp": "2026-01-01T00:00:00Z", "consent_text_version": "v1",
        "source_url": "https://example.com/form",
    });
    json!({ "phone": phone, "email": email, "consent": consent })
}

#[tokio::test]
async fn an_entry_is_added_found_and_removed_and_leads_follow() {
    let world = World::start().await;
    let ann = world.accepted(&consenting("+14155550151", "ann@mail.example.com")).await;
    let bob = world.accepted(&consenting("+14155550152", "bob@example.net")).await;
    world.work().await;
    assert_eq!([reasons(&world, &ann).await, reasons(&world, &bob).await], [json!([]), json!([])]);

    let digest = Sha256Digest::compute(b"4155550152").to_string();
    for (entry, kind) in [
        (json!({ "domain": "example.com", "list": "b2b", "reason": "asked by mail" }), "domain"),
        (json!({ "phone_sha256": digest, "expires_at": "2100-01-01" }), "phone"),
        (json!({ "phone": "(415) 555-0199", "phone_country": "US" }), "phone"),
    ] {
        let added = ask(&world, "/v1/suppressions", &entry).await;
        assert_eq!(
            (added.status, &added.body["rescreening_complete"]),
            (201, &json!(true)),
            "{}",
            added.body
        );
        assert_eq!(
            (&added.body["data"][0]["result"], &added.body["data"][0]["kind"]),
            (&json!("added"), &json!(kind))
        );
    }
    assert_eq!(reasons(&world, &ann).await, json!(["suppressed_domain"]));
    assert_eq!(reasons(&world, &bob).await, json!(["suppressed_phone"]));

    let found = ask(&world, "/v1/suppressions/find", &json!({ "email": "Ann@Mail.Example.com" })).await;
    let mut entry = found.body["data"][0].clone();
    assert!(entry["added_at"].as_str().is_some());
    entry["added_at"] = Value::Null;
    let expected = json!({
        "kind": "domain", "value": "example.com", "form": "plain", "list": "b2b", "reason": "asked by mail",
        "added_at": null, "expires_at": null, "holds": true,
    });
    assert_eq!((found.status, entry), (200, expected));
    let found = ask(&world, "/v1/suppressions/find", &json!({ "phone": "+1 415 555 0152" })).await;
    assert_eq!(
        (&found.body["data"][0]["form"], &found.body["data"][0]["value"]),
        (&json!("sha256"), &json!(digest))
    );

    let listed = send(world.get("/v1/suppressions?limit=2")).await;
    assert_eq!(listed.body["data"].as_array().unwrap().len(), 2);
    let next = listed.body["next"].as_str().unwrap();
    let listed = send(world.get(&format!("/v1/suppressions?limit=2&after={next}"))).await;
    assert_eq!((listed.body["data"].as_array().unwrap().len(), &listed.body["next"]), (1, &Value::Null));

    let wrong_list = json!({ "domain": "example.com", "list": "default" });
    let removed = ask(&world, "/v1/suppressions/remove", &wrong_list).await;
    assert_eq!((removed.status, &removed.body["data"]), (200, &json!([])));
    assert_eq!(reasons(&world, &ann).await, json!(["suppressed_domain"]));
    let removed = ask(&world, "/v1/suppressions/remove", &json!({ "domain": "example.com" })).await;
    assert_eq!(
        (&removed.body["data"][0]["holds"], &removed.body["rescreening_complete"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(reasons(&world, &ann).await, json!([]));
    let found = ask(&world, "/v1/suppressions/find", &json!({ "domain": "example.com" })).await;
    assert_eq!(found.body["data"][0]["holds"], false, "the ended entry is kept");
    world.end().await;
}

#[tokio::test]
async fn entries_are_added_or_refused_independently() {
    let world = World::start().await;
    let entries = json!({ "entries": [
        { "phone": "+14155550161" }, { "phone": "12" }, { "domain": "co.uk" }, { "phone": "+14155550161" },
        { "email": "a@example.com", "expires_at": "2001-01-01" },
    ] });
    let added = ask(&world, "/v1/suppressions", &entries).await;
    let results: Vec<_> =
        added.body["data"].as_array().unwrap().iter().map(|one| one["result"].as_str().unwrap()).collect();
    assert_eq!(
        (added.status, results),
        (200, vec!["added", "refused", "refused", "already_listed", "refused"])
    );
    for wrong in [
        json!({}),
        json!({ "phone": "12" }),
        json!({ "colour": 1 }),
        json!({ "entries": [] }),
        json!({ "entries": [{ "colour": 1 }] }),
        json!({ "entries": vec![json!({ "phone": "+14155550161" }); 101] }),
        json!({ "entries": [], "phone": "+14155550161" }),
    ] {
        assert_eq!(ask(&world, "/v1/suppressions", &wrong).await.problem(), (422, "invalid_settings"));
    }
    for path in ["/v1/suppressions/find", "/v1/suppressions/remove"] {
        assert_eq!(ask(&world, path, &json!({})).await.problem(), (422, "invalid_settings"));
    }
    world.end().await;
}

#[tokio::test]
async fn a_suppression_entry_applies_to_its_own_organization_only() {
    let world = World::start().await;
    let theirs = world.store.ensure_organization("theirs").await.unwrap().id;
    let native = world
        .store
        .ensure_default_source(theirs, &leadgate_dialect::protocol(Dialect::Native).source_defaults)
        .await
        .unwrap()
        .id;
    let (key, text) = make_key(theirs, native);
    world.store.create_key(&key).await.unwrap();
    let ann = world.accepted(&consenting("+14155550171", "ann@example.com")).await;
    world.work().await;
    let request = world.client.post(world.url("/v1/suppressions")).bearer_auth(&text);
    let entries = json!({ "entries": [{ "phone": "+14155550171" }, { "domain": "example.com" }] });
    let added = send(request.header("content-type", "application/json").body(entries.to_string())).await;
    assert_eq!(added.status, 200, "{}", added.body);
    assert_eq!(reasons(&world, &ann).await, json!([]));
    let found = ask(&world, "/v1/suppressions/find", &json!({ "phone": "+14155550171" })).await;
    assert_eq!(found.body["data"], json!([]));
    let removed = ask(&world, "/v1/suppressions/remove", &json!({ "phone": "+14155550171" })).await;
    assert_eq!(removed.body["data"], json!([]));
    world.end().await;
}
