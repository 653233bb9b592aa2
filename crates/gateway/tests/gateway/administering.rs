//! Administration over HTTP: keys, sources, mappings, scoring, retention.

use insta::assert_json_snapshot;
use leadgate_domain::{Actor, Dialect, KeyId, KeyKind, Scope};
use leadgate_store::AuditFilter;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Answer, PATIENCE, World, send};

/// Sends a request with a key, and a JSON body unless it is null.
pub(crate) async fn ask(world: &World, key: &str, route: &str, body: Value) -> Answer {
    let (method, path) = route.split_once(' ').unwrap();
    let method: Method = method.parse().unwrap();
    let request = world.client.request(method, world.url(path)).bearer_auth(key);
    send(if body.is_null() { request } else { request.json(&body) }).await
}

/// Sends a request, asserts its status, and returns the body.
async fn done(world: &World, route: &str, status: u16, body: Value) -> Value {
    let answer = ask(world, &world.key, route, body).await;
    assert_eq!(answer.status, status, "{route}: {}", answer.body);
    answer.body
}

fn id_of(key: &str) -> KeyId {
    KeyId::parse(key.split('_').rev().nth(2).unwrap()).unwrap()
}

/// The routes for administrators, with the audit action for an unknown id.
fn routes(source: &str, key: &str) -> Vec<(String, Value, Option<&'static str>)> {
    let of_source = |route: &str| route.replace("ID", source);
    let of_key = |route: &str| route.replace("ID", key);
    vec![
        (of_source("GET /v1/sources/ID"), Value::Null, Some("source.read")),
        (of_source("PATCH /v1/sources/ID"), json!({ "name": "x" }), Some("source.updated")),
        (of_source("DELETE /v1/sources/ID"), Value::Null, Some("source.deleted")),
        (of_source("POST /v1/sources/ID/disable"), Value::Null, Some("source.disabled")),
        (of_source("POST /v1/sources/ID/enable"), Value::Null, Some("source.enabled")),
        (of_source("POST /v1/sources/ID/tokens"), Value::Null, Some("key.created")),
        (
            of_source("PUT /v1/sources/ID/signature"),
            json!({ "signature": "require" }),
            Some("source.updated"),
        ),
        (of_source("GET /v1/sources/ID/mappings"), Value::Null, Some("mappings.listed")),
        (of_source("PUT /v1/sources/ID/mapping"), json!({ "rules": [] }), Some("mapping.set")),
        (of_source("PUT /v1/sources/ID/mapping/version"), json!({ "version": 0 }), Some("mapping.activated")),
        (of_source("POST /v1/sources/ID/mapping/preview"), Value::Null, Some("mapping.previewed")),
        (of_source("GET /v1/sources/ID/mapping/suggestion"), Value::Null, Some("mapping.suggested")),
        (of_key("PATCH /v1/keys/ID"), json!({ "name": "x" }), Some("key.updated")),
        (of_key("POST /v1/keys/ID/rotate"), Value::Null, Some("key.rotated")),
        (of_key("POST /v1/keys/ID/revoke"), Value::Null, Some("key.revoked")),
        ("POST /v1/keys".to_owned(), json!({ "source": source }), Some("key.created")),
        ("GET /v1/keys".to_owned(), Value::Null, None),
        ("DELETE /v1/scoring".to_owned(), Value::Null, None),
        ("GET /v1/scoring/versions".to_owned(), Value::Null, None),
        ("GET /v1/scoring/versions/0".to_owned(), Value::Null, None),
        ("POST /v1/scoring/preview".to_owned(), Value::Null, None),
        ("GET /v1/retention".to_owned(), Value::Null, None),
        ("PATCH /v1/retention".to_owned(), json!({ "leads": "9d" }), None),
        ("POST /v1/erasures".to_owned(), json!({ "phones": ["+14155550100"] }), None),
        ("POST /v1/reprocess".to_owned(), json!({ "all": true }), None),
        ("POST /v1/suppressions/import".to_owned(), Value::Null, None),
        ("POST /v1/consents/export".to_owned(), Value::Null, None),
        ("GET /v1/consents/public-key".to_owned(), Value::Null, None),
    ]
}

#[tokio::test]
async fn administration_requires_an_organization_wide_admin_key() {
    let world = World::start().await;
    let plain = world.credential(KeyKind::Secret, |key| key.scopes = vec![Scope::Write, Scope::Read]).await;
    let (source, partner) = world.source_of(Dialect::Native, |_| {}).await;
    for (route, body, _) in routes(&source.id.to_string(), &id_of(&plain).to_string()) {
        let refused = ask(&world, &plain, &route, body.clone()).await;
        assert_eq!(refused.problem(), (403, "insufficient_scope"), "{route}");
        let refused = ask(&world, &partner, &route, body).await;
        assert_eq!(refused.problem(), (403, "other_source"), "{route}");
    }
    world.end().await;
}

#[tokio::test]
async fn another_organizations_id_is_not_found_and_is_audited_for_the_caller_only() {
    let world = World::start().await;
    let stranger = world.stranger().await;
    let theirs = world.store.organization_named("theirs").await.unwrap().unwrap().id;
    let before = world.store.audit(world.organization, AuditFilter::default(), None, 100).await.unwrap();
    let (source, key) = (world.source.to_string(), id_of(&world.key).to_string());
    let mut expected = Vec::new();
    for (route, body, action) in routes(&source, &key) {
        let Some(action) = action else { continue };
        let refused = ask(&world, &stranger, &route, body).await;
        assert_eq!(refused.problem(), (404, "not_found"), "{route}");
        let target = if action.starts_with("key.") && route.contains(&key) { &key } else { &source };
        expected.push((action.to_owned(), target.clone()));
    }
    let filter = AuditFilter { actor: Some(Actor::Key(id_of(&stranger))), ..AuditFilter::default() };
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let found = loop {
        let found = world.store.audit(theirs, filter.clone(), None, 100).await.unwrap().data;
        if found.len() >= expected.len() {
            break found;
        }
        assert!(tokio::time::Instant::now() < deadline, "{found:#?}");
        tokio::task::yield_now().await;
    };
    let noted = found.iter().rev().map(|one| (one.action.clone(), one.target.clone().unwrap()));
    assert_eq!(noted.collect::<Vec<_>>(), expected);
    assert!(found.iter().all(|one| one.detail["answer"] == "not_found"), "{found:#?}");
    let after = world.store.audit(world.organization, AuditFilter::default(), None, 100).await.unwrap();
    assert_eq!(after.data.len(), before.data.len());
    world.end().await;
}

#[tokio::test]
async fn every_invalid_setting_has_its_own_error() {
    let world = World::start().await;
    let (source, _) = world.source_of(Dialect::Native, |_| {}).await;
    let source = source.id;
    for (route, body, status, code, detail) in [
        ("POST /v1/keys", json!({ "scope": [] }), 422, "invalid_settings", "unknown field `scope`"),
        ("POST /v1/keys", json!({ "publishable": true }), 422, "invalid_settings", "at least one origin"),
        ("PATCH /v1/sources/ID", json!({ "window": "0s" }), 422, "invalid_settings", "`window`: a duration"),
        ("PATCH /v1/sources/ID", json!({}), 422, "invalid_settings", "nothing to change"),
        ("POST /v1/keys", json!({ "scopes": [] }), 422, "invalid_settings", "at least one scope"),
        (
            "POST /v1/keys",
            json!({ "scopes": ["write", 7] }),
            422,
            "invalid_settings",
            "`scopes[1]`: invalid type",
        ),
        (
            "PUT /v1/sources/ID/mapping",
            json!({ "rules": [7] }),
            422,
            "invalid_settings",
            "expected an object",
        ),
        (
            "PUT /v1/sources/ID/mapping",
            json!({ "rules": [{ "to": "phone", "from": ["/a//b"] }] }),
            422,
            "invalid_settings",
            "`/a//b`",
        ),
        ("POST /v1/sources/ID/tokens", json!({ "origins": ["x"] }), 422, "invalid_settings", "not an origin"),
        ("PUT /v1/sources/ID/signature", json!({ "signature": "on" }), 422, "invalid_settings", "`require`"),
        (
            "PUT /v1/sources/ID/signature",
            json!({ "signature": "rotate" }),
            422,
            "invalid_settings",
            "no secret to rotate",
        ),
        ("PUT /v1/sources/ID/mapping", json!({ "rules": [{ "to": "fax" }] }), 422, "invalid_settings", "fax"),
        ("PUT /v1/sources/ID/mapping/version", json!({ "version": 7 }), 404, "not_found", "does not exist"),
        ("POST /v1/sources/ID/mapping/preview", json!({ "last": 0 }), 422, "invalid_settings", "1 to 100"),
        ("GET /v1/sources/ID/mapping/suggestion?last=0", Value::Null, 400, "invalid_parameter", "1 to 100"),
        ("GET /v1/scoring/versions/7", Value::Null, 404, "not_found", "does not exist"),
        ("GET /v1/scoring/versions/x", Value::Null, 404, "not_found", "does not exist"),
        ("POST /v1/scoring/preview", json!({ "scoring": {} }), 422, "invalid_settings", "hot"),
        ("PATCH /v1/retention", json!({}), 422, "invalid_settings", "no change given"),
        ("PATCH /v1/retention", json!({ "leads": "soon" }), 422, "invalid_settings", "such as 30d"),
        ("POST /v1/reprocess", json!({}), 422, "invalid_settings", "say which leads"),
        ("POST /v1/reprocess", json!({ "reason": "whim" }), 422, "invalid_settings", "not a reason"),
        (
            "POST /v1/consents/export",
            json!({ "lead": source, "from": "2026-01-01T00:00:00Z" }),
            422,
            "invalid_settings",
            "select by lead",
        ),
    ] {
        let route = route.replace("ID", &source.to_string());
        let refused = ask(&world, &world.key, &route, body.clone()).await;
        assert_eq!(refused.problem(), (status, code), "{route} {body}: {}", refused.body);
        let sentence = refused.body["detail"].as_str().unwrap();
        assert!(sentence.contains(detail), "{route} {body}: {sentence}");
    }
    world.end().await;
}

#[tokio::test]
async fn settings_are_accepted_only_as_declared_json() {
    let world = World::start().await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""] {
        let request = world.client.post(world.url("/v1/keys")).bearer_auth(&world.key);
        let request = if kind.is_empty() { request } else { request.header("content-type", kind) };
        let refused = send(request.body("{}")).await;
        assert_eq!(refused.problem(), (415, "unsupported_media_type"), "{kind}");
    }
    for kind in ["application/json; charset=utf-8", "application/vnd.x+json"] {
        let request = world.client.post(world.url("/v1/keys")).bearer_auth(&world.key);
        assert_eq!(send(request.header("content-type", kind).body("{}")).await.status, 201, "{kind}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_key_is_created_rotated_and_revoked_with_the_keys_created_with_it() {
    let world = World::start().await;
    let made = done(&world, "POST /v1/keys", 201, json!({ "name": "crm", "scopes": ["admin"] })).await;
    let (first, id) = (made["key"].as_str().unwrap(), made["id"].as_str().unwrap());
    assert_eq!((&made["name"], &made["created_by"]), (&json!("crm"), &json!(id_of(&world.key))), "{made}");
    let listed = ask(&world, first, "GET /v1/keys", Value::Null).await;
    assert_eq!(listed.status, 200, "the new key works at once: {}", listed.body);
    let ids: Vec<_> = listed.body["data"].as_array().unwrap().iter().map(|key| key["id"].clone()).collect();
    assert!(ids.contains(&made["id"]) && listed.body["next"].is_null(), "{}", listed.body);
    assert!(!listed.body.to_string().contains(first), "the text is shown once");

    let rotate = format!("POST /v1/keys/{id}/rotate");
    let rotated = ask(&world, first, &rotate, json!({ "overlap": "1h" })).await;
    assert_eq!((rotated.status, &rotated.body["name"]), (201, &json!("crm")), "{}", rotated.body);
    let second = rotated.body["key"].as_str().unwrap();
    let grandchild = ask(&world, second, "POST /v1/keys", json!({})).await;
    assert_eq!(grandchild.status, 201, "{}", grandchild.body);
    for (body, detail) in
        [(json!({ "overlap": "soon" }), "duration"), (json!({ "overlap": "11y" }), "ten years")]
    {
        let refused = ask(&world, &world.key, &rotate, body).await;
        assert_eq!(refused.problem(), (422, "invalid_settings"));
        assert!(refused.body["detail"].as_str().unwrap().contains(detail), "{}", refused.body);
    }

    let own = format!("/v1/keys/{}", id_of(&world.key));
    for (key, route, body) in [
        (world.key.as_str(), format!("POST {own}/revoke"), Value::Null),
        (&world.key, format!("PATCH {own}"), json!({ "scopes": ["write", "read"] })),
        (second, format!("POST {own}/revoke"), json!({ "include_created_keys": true })),
    ] {
        let refused = ask(&world, key, &route, body).await;
        assert_eq!(refused.problem(), (422, "invalid_settings"), "{route}");
        assert!(refused.body["detail"].as_str().unwrap().contains("key of this request"), "{}", refused.body);
    }
    done(&world, &format!("PATCH {own}"), 200, json!({ "scopes": ["admin"] })).await;

    let revoked =
        done(&world, &format!("POST /v1/keys/{id}/revoke"), 200, json!({ "include_created_keys": true }))
            .await;
    assert_eq!(revoked, json!({ "id": id, "revoked": true, "created_keys_revoked": 2 }));
    for text in [first, second, grandchild.body["key"].as_str().unwrap()] {
        let key = world.store.find_key(&id_of(text)).await.unwrap().unwrap();
        assert!(key.revoked_at.is_some(), "{key:?}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_source_is_shown_changed_signed_and_gets_another_url() {
    let world = World::start().await;
    let made = done(&world, "POST /v1/sources", 201, json!({ "dialect": "500_leads", "name": "ads" })).await;
    let of = |path: &str| format!("/v1/sources/{}{path}", made["id"].as_str().unwrap());
    let changed =
        done(&world, &format!("PATCH {}", of("")), 200, json!({ "policy": "link", "region": "DE" })).await;
    assert_eq!((&changed["policy"], &changed["region"]), (&json!("link"), &json!("DE")));
    let shown = done(&world, &format!("GET {}", of("")), 200, Value::Null).await;
    assert_eq!(shown["recent_leads"], json!({ "leads": 0, "no_contact": 0 }));
    assert_eq!((&shown["policy"], &shown["token"]), (&json!("link"), &Value::Null), "{shown}");

    let token = done(&world, &format!("POST {}", of("/tokens")), 201, Value::Null).await;
    let url = token["url"].as_str().unwrap();
    assert_ne!(token["url"], made["url"]);
    let posted = send(world.client.post(url).json(&json!({ "phone": "+14155550100" }))).await;
    assert_eq!(posted.status, 200, "{}", posted.body);

    let sign = async |change: &str| {
        done(&world, &format!("PUT {}", of("/signature")), 200, json!({ "signature": change })).await
    };
    let (required, rotated) = (sign("require").await, sign("rotate").await);
    assert!(required["secret"].as_str().unwrap().starts_with("whsec_"), "{required}");
    assert!(rotated["secret"] != required["secret"] && rotated["signature"]["previous_until"].is_string());
    let unsigned = send(world.client.post(url).json(&json!({ "phone": "+14155550100" }))).await;
    assert_eq!(unsigned.body["code"], "missing_signature", "{}", unsigned.body);
    assert_eq!(sign("off").await["secret"], Value::Null);

    let own = format!("PATCH /v1/sources/{}", world.source);
    let refused = ask(&world, &world.key, &own, json!({ "networks": ["192.0.2.0/24"] })).await;
    assert_eq!(refused.problem(), (422, "invalid_settings"), "it would lock the caller out");
    done(&world, &own, 200, json!({ "networks": ["192.0.2.0/24", "127.0.0.0/8"] })).await;
    world.end().await;
}

#[tokio::test]
async fn a_mapping_is_suggested_previewed_and_activated() {
    let world = World::start().await;
    let (source, key) = world.source_of(Dialect::Native, |_| {}).await;
    let of = |path: &str| format!("/v1/sources/{}{path}", source.id);
    let post = ask(&world, &key, "POST /v1/leads", json!({ "phone": "1", "handy": "+14155550100" })).await;
    assert_eq!(post.status, 202, "{}", post.body);
    world.work().await;
    let suggested =
        done(&world, &format!("GET {}", of("/mapping/suggestion?last=5")), 200, Value::Null).await;
    assert_eq!(suggested["bodies"], 1);
    assert!(suggested["mapping"].as_str().unwrap().contains("handy"), "{suggested}");
    assert!(!suggested.to_string().contains("4155550100"), "{suggested}");

    let mapping =
        json!({ "rules": [{ "to": "phone", "from": ["handy"] }, { "to": "company", "constant": "Acme" }] });
    let preview = format!("POST {}", of("/mapping/preview"));
    let tried = done(&world, &preview, 200, json!({ "mapping": mapping, "last": 5 })).await;
    let fields = &tried["data"][0]["fields"];
    assert_eq!((&fields["phone"], &fields["company"]), (&json!("+14155550100"), &json!("Acme")), "{tried}");
    assert_eq!(fields.get("texts"), None, "the fields have the documented names");
    let set = done(&world, &format!("PUT {}", of("/mapping")), 200, mapping).await;
    assert_eq!(set, json!({ "source": source.id, "version": 1 }));
    let listed = done(&world, &format!("GET {}", of("/mappings")), 200, Value::Null).await;
    assert_eq!((&listed["data"][0]["active"], &listed["next"]), (&json!(true), &Value::Null), "{listed}");
    let none = done(&world, &format!("PUT {}", of("/mapping/version")), 200, json!({ "version": 0 })).await;
    assert_eq!(none["version"], Value::Null);
    world.end().await;
}

#[tokio::test]
async fn a_preview_of_a_mapping_shows_every_field_that_decides_about_the_lead() {
    let world = World::start().await;
    let (source, key) = world.source_of(Dialect::KickoffLabs, |_| {}).await;
    let create = world.url(&format!("/v2/{}", source.campaign.unwrap()));
    let request = world.client.post(create).bearer_auth(&key).header("prefer", "respond-async");
    let form = "email=ann%40example.com&phone_number=+14155550132&must_exist=true";
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
    assert_eq!(send(request).await.status, 202);
    world.work().await;
    let preview = format!("POST /v1/sources/{}/mapping/preview", source.id);
    let previewed = done(&world, &preview, 200, Value::Null).await;
    assert_json_snapshot!(previewed, { ".data[].submission" => "[id]" }, @r#"
    {
      "data": [
        {
          "fields": {
            "custom_fields": {},
            "email": "ann@example.com",
            "is_test": false,
            "must_exist": true,
            "opt_out": false,
            "phone": "+14155550132",
            "repairs": [
              "lost_plus"
            ],
            "tags": []
          },
          "submission": "[id]"
        }
      ],
      "next": null
    }
    "#);
    world.end().await;
}

#[tokio::test]
async fn versions_of_a_scoring_are_listed_previewed_and_reset() {
    let world = World::start().await;
    world.accepted(&json!({ "phone": "+14155550100" })).await;
    world.work().await;
    let standard = done(&world, "GET /v1/scoring/versions/0", 200, Value::Null).await;
    let mut other = standard["scoring"].clone();
    let rule = json!({ "name": "any", "points": 40, "when": { "field": "phone.valid", "is": true } });
    other["rules"].as_array_mut().unwrap().push(rule);
    let preview = done(&world, "POST /v1/scoring/preview", 200, json!({ "scoring": other })).await;
    assert_eq!(preview["leads"][0]["differs_by"], json!({ "any": 40 }), "{preview}");
    done(&world, "PUT /v1/scoring", 200, other).await;
    let versions = done(&world, "GET /v1/scoring/versions", 200, Value::Null).await;
    assert_eq!((&versions["data"][0]["version"], &versions["data"][0]["active"]), (&json!(1), &json!(true)));
    assert_eq!(done(&world, "DELETE /v1/scoring", 200, Value::Null).await, standard);
    assert_eq!(done(&world, "GET /v1/scoring", 200, Value::Null).await, standard);

    let ages = done(&world, "PATCH /v1/retention", 200, json!({ "leads": "400d" })).await;
    let expected = json!({ "submissions": "ever", "leads": "400d", "quarantine": "ever", "audit": "ever", "events": "30d" });
    assert_eq!((&ages, &done(&world, "GET /v1/retention", 200, Value::Null).await), (&expected, &expected));
    world.end().await;
}

#[tokio::test]
async fn an_array_is_refused_as_a_document() {
    let world = World::start().await;
    world.until_ready_is(200).await;
    for (route, body) in [
        ("POST /v1/tags", json!(["x"])),
        ("POST /v1/keys", json!([])),
        ("PATCH /v1/retention", json!(["400d"])),
        ("POST /v1/erasures", json!([["+14155550130"]])),
        ("PUT /v1/scoring", json!([])),
    ] {
        let answer = ask(&world, &world.key, route, body).await;
        assert_eq!((answer.status, &answer.body["code"]), (422, &json!("invalid_settings")), "{route}");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains("must be a JSON object"), "{route}: {detail}");
    }
    world.end().await;
}
