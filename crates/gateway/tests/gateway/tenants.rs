//! Every route with an id, requested with a key of another organization.

use leadgate_domain::{ApiKey, Dialect, KeyKind, Scope, Source};
use reqwest::Method;
use serde_json::json;

use crate::world::{World, make_key, send};

/// All routes with ids of an organization.
async fn routes(world: &World) -> Vec<(Method, String)> {
    let lead = world.accepted(&json!({ "phone": "+14155550141" })).await;
    world.work().await;
    let queued = world.accepted(&json!({ "phone": "+14155550142" })).await;
    let (campaign, _) = world.source_of(Dialect::KickoffLabs, |_| {}).await;
    let campaign = campaign.campaign.unwrap();
    let mut routes = Vec::new();
    for id in [&lead, &queued] {
        for path in ["/v1/leads", "/v1/submissions", "/v1/quarantine"] {
            routes.push((Method::GET, format!("{path}/{id}")));
            routes.push((Method::HEAD, format!("{path}/{id}")));
        }
        routes.push((Method::POST, format!("/v1/quarantine/{id}/release")));
        routes.push((Method::POST, format!("/v1/quarantine/{id}/discard")));
    }
    routes.push((Method::POST, format!("/v2/{campaign}/inbound-webhook")));
    routes.push((Method::POST, format!("/v2/{campaign}")));
    routes
}

#[tokio::test]
async fn data_of_another_organization_is_not_found_and_not_changed() {
    let world = World::start().await;
    let routes = routes(&world).await;
    let theirs = world.store.ensure_organization("theirs").await.unwrap().id;
    let native = world
        .store
        .ensure_default_source(theirs, &leadgate_dialect::protocol(Dialect::Native).source_defaults)
        .await
        .unwrap()
        .id;
    let (key, text) = make_key(theirs, native);
    world.store.create_key(&key).await.unwrap();
    let before = world.store.submissions(world.organization, None, 100).await.unwrap();
    let published = world.published().await;
    for (method, path) in routes {
        let request = world.client.request(method.clone(), world.url(&path)).bearer_auth(&text);
        let request = match method {
            Method::POST if path.starts_with("/v2") => {
                request.header("content-type", "application/json").body(r#"{"email":"a@example.com"}"#)
            }
            _ => request,
        };
        let answer = send(request).await;
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.body);
        assert!(!answer.body.to_string().contains("4155550"), "{}", answer.body);
    }
    for path in ["/v1/leads", "/v1/quarantine?state=all", "/v1/tags", "/api/v1/contacts", "/v1/suppressions"]
    {
        let list = send(world.client.get(world.url(path)).bearer_auth(&text)).await;
        assert_eq!((list.status, &list.body["data"]), (200, &json!([])), "{path}: {}", list.body);
    }
    assert_eq!(world.store.submissions(world.organization, None, 100).await.unwrap(), before);
    assert_eq!(world.published().await, published);
    world.end().await;
}

#[tokio::test]
async fn a_key_bound_to_another_organizations_source_is_refused() {
    let world = World::start().await;
    let theirs = world.store.ensure_organization("theirs").await.unwrap().id;
    let (key, text) = make_key(theirs, world.source);
    // The database may refuse the key. Otherwise the gateway does.
    if world.store.create_key(&key).await.is_ok() {
        let answer = send(world.client.get(world.url("/v1/leads")).bearer_auth(&text)).await;
        assert_ne!(answer.status, 200);
    }
    world.end().await;
}

#[tokio::test]
async fn administration_requires_the_admin_scope() {
    let world = World::start().await;
    let plain = world.credential(KeyKind::Secret, |key| key.scopes = vec![Scope::Write, Scope::Read]).await;
    let id = uuid::Uuid::now_v7();
    let paths = [
        (Method::GET, "/v1/tags".to_owned()),
        (Method::POST, "/v1/tags".to_owned()),
        (Method::GET, "/v1/sources".to_owned()),
        (Method::POST, "/v1/sources".to_owned()),
        (Method::POST, "/v1/suppressions".to_owned()),
        (Method::POST, "/v1/suppressions/remove".to_owned()),
        (Method::GET, "/v1/scoring".to_owned()),
        (Method::PUT, "/v1/scoring".to_owned()),
        (Method::GET, "/v1/quarantine".to_owned()),
        (Method::GET, format!("/v1/quarantine/{id}")),
        (Method::POST, format!("/v1/quarantine/{id}/release")),
        (Method::POST, format!("/v1/quarantine/{id}/discard")),
    ];
    for (method, path) in paths {
        let answer = send(world.client.request(method.clone(), world.url(&path)).bearer_auth(&plain)).await;
        assert_eq!(answer.problem(), (403, "insufficient_scope"), "{method} {path}");
    }
    world.end().await;
}

#[tokio::test]
async fn sources_and_tags_are_created_over_http() {
    let world = World::start().await;
    let ask = |path: &str, document: serde_json::Value| {
        let request = world.client.post(world.url(path)).bearer_auth(&world.key);
        send(request.header("content-type", "application/json").body(document.to_string()))
    };
    let made =
        ask("/v1/sources", json!({ "dialect": "kickofflabs", "name": "spring", "window": "7d" })).await;
    assert_eq!((made.status, &made.body["organization"]), (201, &json!("ours")), "{}", made.body);
    let keys = json!([{ "kind": "phone", "window": "30d" }, { "kind": "email" }]);
    let wanted = json!({ "dialect": "native", "policy": "link", "identity": { "rule": "first_of", "keys": keys }, "gmail_identity": "mailbox", "timezone": "america/new_york" });
    let known = ask("/v1/sources", wanted).await.body;
    assert_eq!((&known["policy"], &known["identity_rule"]), (&json!("link"), &json!("first_of")), "{known}");
    assert_eq!((&known["timezone"], &made.body["timezone"]), (&json!("America/New_York"), &json!(null)));
    assert_eq!(
        (&known["gmail_identity"], &made.body["gmail_identity"]),
        (&json!("mailbox"), &json!("exact"))
    );
    assert_eq!(
        known["identity"],
        json!([{ "kind": "phone", "window_seconds": 2_592_000 }, { "kind": "email", "window_seconds": null }])
    );
    let (campaign, url) = (made.body["campaign_id"].as_str().unwrap(), made.body["url"].as_str().unwrap());
    assert!(url.contains(&format!("/v2/{campaign}/inbound-webhook/tok_")), "{url}");
    let request = world.client.post(url).header("content-type", "application/json");
    assert_eq!(send(request.body(r#"{"email":"a@example.com"}"#)).await.status, 201);
    let (one, again) =
        (ask("/v1/tags", json!({ "name": "hot" })).await, ask("/v1/tags", json!({ "name": " hot" })).await);
    assert_eq!((one.status, &one.body["id"]), (201, &again.body["id"]));
    for (path, wrong) in [
        ("/v1/tags", json!({})),
        ("/v1/tags", json!({ "name": "" })),
        ("/v1/sources", json!({ "dialect": "klingon" })),
        ("/v1/sources", json!({ "dialect": "native", "colour": 1 })),
        ("/v1/sources", json!({ "dialect": "native", "window": "0s" })),
        (
            "/v1/sources",
            json!({ "dialect": "native", "identity": { "rule": "any_of", "keys": [{ "kind": "fax" }] } }),
        ),
    ] {
        let refused = ask(path, wrong).await;
        assert_eq!(refused.problem(), (422, "invalid_settings"), "{}", refused.body);
    }
    let sources: Vec<Source> = world.store.sources(world.organization).await.unwrap();
    assert_eq!(sources.iter().filter(|source| source.campaign.is_some()).count(), 1);
    world.end().await;
}

#[tokio::test]
async fn a_key_of_a_named_source_reads_the_leads_of_that_source_only() {
    let world = World::start().await;
    world.start_worker().await;
    let (crm, crm_key) = world.source_of(Dialect::Native, |_| {}).await;
    let (_, partner) = world.source_of(Dialect::Native, |_| {}).await;
    let post = async |key: &str, body: serde_json::Value| {
        let request = world.client.post(world.url("/v1/leads")).bearer_auth(key).header("prefer", "wait=10");
        send(request.header("content-type", "application/json").body(body.to_string())).await
    };
    let get = async |path: &str| send(world.client.get(world.url(path)).bearer_auth(&partner)).await;
    let id = |answer: &crate::world::Answer| answer.body["id"].as_str().unwrap().to_owned();
    let theirs = post(&crm_key, json!({ "phone": "+14155550161", "full_name": "Storedname" })).await;
    let own = post(&partner, json!({ "phone": "+14155550162" })).await;
    assert!(own.body["eligibility"].is_string(), "{}", own.body);
    let met = post(&partner, json!({ "phone": "+14155550161" })).await;
    let keys: Vec<_> = met.body.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["id", "lead_id", "outcome", "status"], "ids and the outcome: {}", met.body);
    assert_eq!((&met.body["outcome"], &met.body["lead_id"]), (&json!("duplicate"), &theirs.body["id"]));

    for path in ["/v1/leads", "/api/v1/contacts"] {
        let list = get(path).await;
        let ids: Vec<_> = list.body["data"].as_array().unwrap().iter().map(|lead| &lead["id"]).collect();
        assert_eq!(ids, [&own.body["id"]], "{path}");
    }
    assert_eq!(get("/api/v1/contacts").await.body["total"], 1);
    for path in ["/v1/leads", "/v1/submissions"] {
        assert_eq!(get(&format!("{path}/{}", id(&theirs))).await.status, 404, "{path}");
        assert_eq!(get(&format!("{path}/{}", id(&own))).await.status, 200, "{path}");
    }
    let about = get(&format!("/v1/leads/{}", id(&met))).await;
    let expected = json!({ "id": met.body["id"], "status": "processed",
                       "submission": { "id": met.body["id"], "outcome": "duplicate" } });
    assert_eq!((about.status, &about.body), (200, &expected));
    let record = get(&format!("/v1/submissions/{}", id(&met))).await;
    let stages: Vec<_> = record.body["trace"].as_object().unwrap().keys().collect();
    assert_eq!(stages, ["deduplicate", "normalize", "screen"], "nothing of the lead: {}", record.body);
    let request = world.client.post(world.url("/v1/leads/validate")).bearer_auth(&partner);
    let request = request.header("content-type", "application/json");
    let judged = send(request.body(r#"{"phone":"+14155550161"}"#)).await;
    assert_eq!((judged.status, &judged.body["outcome"]), (200, &json!("duplicate")));
    for answer in [&met, &about, &record, &judged] {
        let body = answer.body.to_string();
        assert!(!body.contains("Storedname") && !body.contains("consent_missing"), "{body}");
    }

    assert_eq!(get("/v1/suppressions").await.problem(), (403, "other_source"));
    let request = world.client.post(world.url("/v1/suppressions/find")).bearer_auth(&partner);
    let request = request.header("content-type", "application/json");
    assert_eq!(send(request.body(r#"{"phone":"+14155550161"}"#)).await.problem(), (403, "other_source"));
    assert_eq!(get(&format!("/v1/reports/intake?source={}", crm.id)).await.status, 404);
    let report = get("/v1/reports/intake").await;
    assert_eq!((report.status, &report.body["accepted"]), (200, &json!(2)), "{}", report.body);
    world.end().await;
}

#[tokio::test]
async fn a_server_cannot_read_leads_of_another_sources_form() {
    const PAGE: &str = "https://page.example";
    let world = World::start().await;
    world.start_worker().await;
    let (form, _) = world.source_of(Dialect::Native, |_| {}).await;
    let (_, partner) = world.source_of(Dialect::Native, |_| {}).await;
    let of_page = |key: &mut ApiKey| {
        key.source = form.id;
        key.origins = vec![PAGE.to_owned()];
    };
    let page = world.credential(KeyKind::Publishable, of_page).await;
    let post = |path: &str, key: &str, body: &'static str| {
        let request = world.client.post(world.url(path)).bearer_auth(key).header("origin", PAGE);
        request.header("content-type", "application/json").body(body)
    };
    let lead = r#"{"phone":"+14155550163","full_name":"Storedname"}"#;
    let posted = send(post("/v1/leads", &page, lead)).await;
    assert_eq!(posted.status, 202, "{}", posted.body);
    let url = world.url(&format!("/v1/leads/{}", posted.body["id"].as_str().unwrap()));
    while send(world.client.get(&url).bearer_auth(&world.key)).await.body["status"] == "queued" {
        tokio::task::yield_now().await;
    }

    let server = |path: &str| {
        let request = world.client.post(world.url(path)).bearer_auth(&partner).header("prefer", "wait=10");
        request.header("content-type", "application/json").body(r#"{"phone":"+14155550163"}"#)
    };
    let judged = send(server("/v1/leads/validate")).await;
    let met = send(server("/v1/leads")).await;
    let url = world.url(&format!("/v1/leads/{}", met.body["id"].as_str().unwrap()));
    let read = send(world.client.get(url).bearer_auth(&partner)).await;
    assert_eq!((judged.status, met.status, read.status), (200, 200, 200));
    assert_eq!(met.body["lead_id"], posted.body["id"]);
    for answer in [&judged, &met, &read] {
        assert!(!answer.body.to_string().contains("Storedname"), "{}", answer.body);
    }
    world.end().await;
}
