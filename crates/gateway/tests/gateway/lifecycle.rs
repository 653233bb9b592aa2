//! Changes of leads, sources and keys: status, corrections, deletion, disabling.

use leadgate_domain::{Dialect, KeyKind, Scope};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::world::{Answer, World, send};

const LEAD: &str = r#"{"phone":"+14155550132","full_name":"Ann Lee"}"#;

fn request(world: &World, method: Method, path: &str, key: &str, body: Option<Value>) -> RequestBuilder {
    let request = world.client.request(method, world.url(path)).bearer_auth(key);
    match body {
        Some(body) => request.json(&body),
        None => request,
    }
}

async fn ask(world: &World, method: Method, path: &str, key: &str, body: Option<Value>) -> Answer {
    send(request(world, method, path, key, body)).await
}

/// A stored lead, and a key that administers the organization.
async fn lead_and_admin(world: &World) -> (String, String) {
    world.until_ready_is(200).await;
    let admin = world.key_with(|key| key.scopes = Scope::ALL.to_vec()).await;
    let lead: Value = serde_json::from_str(LEAD).unwrap();
    let id = world.accepted(&lead).await;
    world.work().await;
    (id, admin)
}

#[tokio::test]
async fn a_lead_shows_its_source_and_its_status_can_be_set() {
    let world = World::start().await;
    let (id, admin) = lead_and_admin(&world).await;
    let shown = ask(&world, Method::GET, &format!("/v1/leads/{id}"), &admin, None).await.body;
    assert_eq!(
        (&shown["status"], &shown["source_id"], &shown["source_name"]),
        (&json!("new"), &json!(world.source), &json!("default native source"))
    );
    let (other, of_other) = world.source_of(Dialect::Native, |_| {}).await;
    let publishable = world
        .key_with(|key| {
            key.kind = KeyKind::Publishable;
            key.origins = vec!["https://example.com".into()];
        })
        .await;
    let path = format!("/v1/leads/{id}/status");
    let set = async |key: &str, body: Value| ask(&world, Method::PUT, &path, key, Some(body)).await;
    for (key, body, status) in [
        (world.key.as_str(), json!({ "status": "no_answer" }), 200),
        (&world.key, json!({ "status": "No Answer" }), 422),
        (&world.key, json!({ "state": "closed" }), 422),
        // A key of another source, which may not see the lead.
        (&of_other, json!({ "status": "closed" }), 404),
        (&world.stranger().await, json!({ "status": "closed" }), 404),
    ] {
        let answer = set(key, body.clone()).await;
        assert_eq!(answer.status, status, "{body} of source {}: {answer:?}", other.id);
    }
    let by_page = set(&publishable, json!({ "status": "closed" })).await;
    assert!([401, 403].contains(&by_page.status), "{by_page:?}");
    let listed = ask(&world, Method::GET, "/v1/leads", &admin, None).await.body;
    assert_eq!(listed["data"][0]["status"], "no_answer");
    world.end().await;
}

#[tokio::test]
async fn a_lead_is_corrected_and_deleted_by_an_administrator() {
    let world = World::start().await;
    let (id, admin) = lead_and_admin(&world).await;
    let path = format!("/v1/leads/{id}");
    let patch = async |key: &str, body: Value| ask(&world, Method::PATCH, &path, key, Some(body)).await;
    let good = json!({ "fields": { "full_name": "Anna Leeds" }, "reason": "she called" });
    let writer = world.key_with(|key| key.scopes = vec![Scope::Write, Scope::Read]).await;
    assert_eq!(patch(&writer, good.clone()).await.body["code"], "insufficient_scope");
    let corrected = patch(&admin, good.clone()).await;
    assert_eq!((corrected.status, &corrected.body["full_name"]), (200, &json!("Anna Leeds")));
    let only_admin = world.key_with(|key| key.scopes = vec![Scope::Admin]).await;
    let unread = patch(&only_admin, good.clone()).await;
    assert!(unread.status == 200 && unread.body.get("full_name").is_none(), "{unread:?}");
    for (body, code) in [
        (json!({ "fields": { "fullname2": "x" }, "reason": "r" }), "invalid_settings"),
        (json!({ "fields": { "full_name": ["x"] }, "reason": "r" }), "invalid_lead"),
        (json!({ "fields": { "full_name": "x" } }), "invalid_settings"),
        (
            json!({ "fields": { "consent": { "source_url": "https://example.com" } }, "reason": "r" }),
            "invalid_settings",
        ),
    ] {
        let refused = patch(&admin, body.clone()).await;
        assert_eq!((refused.status, &refused.body["code"]), (422, &json!(code)), "{body}: {refused:?}");
    }
    let unknown = format!("/v1/leads/{}", uuid::Uuid::now_v7());
    assert_eq!(ask(&world, Method::PATCH, &unknown, &admin, Some(good)).await.status, 404);

    assert_eq!(ask(&world, Method::DELETE, &path, &writer, None).await.status, 403);
    let deleted = ask(&world, Method::DELETE, &path, &admin, None).await;
    assert_eq!((&deleted.body["deleted"], &deleted.body["erased"]["submissions"]), (&json!(true), &json!(3)));
    assert_eq!(ask(&world, Method::DELETE, &path, &admin, None).await.status, 404);
    let gone = ask(&world, Method::GET, &path, &admin, None).await;
    assert_eq!(gone.body["status"], "erased", "{gone:?}");
    world.end().await;
}

#[tokio::test]
async fn a_disabled_source_refuses_leads_and_a_deleted_one_has_no_keys() {
    let world = World::start().await;
    let (_, admin) = lead_and_admin(&world).await;
    let (source, key) = world.source_of(Dialect::Native, |_| {}).await;
    let token = world.credential(KeyKind::Token, |key| key.source = source.id).await;
    let by_token = format!("/api/webhooks/{token}");
    let post = async |path: &str, key: &str| {
        let body: Value = serde_json::from_str(LEAD).unwrap();
        let answer = ask(&world, Method::POST, path, key, Some(body)).await;
        (answer.status, answer.body["code"].as_str().map(str::to_owned))
    };
    let change = async |method: Method, path: &str| {
        let path = format!("/v1/sources/{}{path}", source.id);
        ask(&world, method, &path, &admin, None).await
    };
    assert_eq!(post("/v1/leads", &key).await.0, 202);
    let disabled = change(Method::POST, "/disable").await;
    assert!(disabled.status == 200 && disabled.body["disabled_at"].is_string(), "{disabled:?}");
    for path in ["/v1/leads", "/v1/leads/validate", &by_token] {
        assert_eq!(post(path, &key).await, (403, Some("source_disabled".to_owned())), "{path}");
    }
    assert_eq!(change(Method::POST, "/enable").await.status, 200);
    assert_eq!(post(&by_token, &key).await.0, 202);
    let deleted = change(Method::DELETE, "").await;
    assert!(deleted.body["deleted_at"].is_string(), "{deleted:?}");
    assert_eq!(
        post("/v1/leads", &key).await,
        (401, Some("revoked_key".to_owned())),
        "by this gateway at once"
    );
    assert_eq!(post(&by_token, &key).await.0, 404);
    for (method, path) in [(Method::DELETE, ""), (Method::POST, "/disable"), (Method::POST, "/enable")] {
        assert_eq!(change(method, path).await.status, 404);
    }
    let own = format!("/v1/sources/{}", world.source);
    let refused = ask(&world, Method::DELETE, &own, &admin, None).await;
    assert_eq!((refused.status, &refused.body["code"]), (422, &json!("invalid_settings")));
    world.end().await;
}

#[tokio::test]
async fn a_key_is_changed_by_an_administrator_of_its_organization() {
    let world = World::start().await;
    let (_, admin) = lead_and_admin(&world).await;
    let text = world.key_with(|key| key.rate = Some("5/min".parse().unwrap())).await;
    let id = text.split('_').nth(2).unwrap().to_owned();
    let path = format!("/v1/keys/{id}");
    let changed =
        ask(&world, Method::PATCH, &path, &admin, Some(json!({ "rate": null, "name": "crm" }))).await;
    assert_eq!(
        (changed.status, &changed.body["rate"], &changed.body["name"]),
        (200, &json!(null), &json!("crm"))
    );
    assert!(!changed.body.to_string().contains("hash"), "{changed:?}");
    let wrong = ask(&world, Method::PATCH, &path, &admin, Some(json!({ "colour": 1 }))).await;
    assert_eq!(wrong.status, 422);
    let stranger = world.stranger().await;
    assert_ne!(ask(&world, Method::PATCH, &path, &stranger, Some(json!({ "name": "x" }))).await.status, 200);
    world.end().await;
}
