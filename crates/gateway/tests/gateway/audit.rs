//! Every read and every change over HTTP adds an audit entry with its caller.

use std::time::Duration;

use leadgate_domain::mapping::Mapping;
use leadgate_domain::{Actor, Dialect, KeyId, KeyKind, OrganizationId, Scope};
use leadgate_store::{AuditFilter, AuditRecord};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::world::{Answer, PATIENCE, World, send};

/// The id in the text of a key.
fn id_of(key: &str) -> KeyId {
    KeyId::parse(key.split('_').rev().nth(2).unwrap()).unwrap()
}

/// The audit entries of a key, the oldest first. Waits until there are `count` entries.
async fn log(world: &World, organization: OrganizationId, key: &str, count: usize) -> Vec<AuditRecord> {
    let filter = AuditFilter { actor: Some(Actor::Key(id_of(key))), ..AuditFilter::default() };
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut found = world.store.audit(organization, filter.clone(), None, 100).await.unwrap().data;
        if found.len() >= count {
            found.reverse();
            return found;
        }
        assert!(Instant::now() < deadline, "{} of {count}: {found:#?}", found.len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn ask(world: &World, method: Method, path: &str, body: Option<Value>) -> Answer {
    let request = world.client.request(method, world.url(path)).bearer_auth(&world.key);
    send(match body {
        Some(body) => request.header("content-type", "application/json").body(body.to_string()),
        None => request,
    })
    .await
}

/// Creates a quarantined submission.
async fn quarantined(world: &World) -> String {
    let rules = json!({"rules": [{"to": "email", "from": ["mail"], "required": true}]});
    let mapping: Mapping = serde_json::from_value(rules).unwrap();
    let (source, _) = world.source_of(Dialect::Native, |_| {}).await;
    world.store.add_mapping(world.organization, source.id, &mapping).await.unwrap();
    let token = world.credential(KeyKind::Token, |key| key.source = source.id).await;
    let request = world.client.post(world.url(&format!("/api/webhooks/{token}")));
    let posted = send(request.header("content-type", "application/json").body(r#"{"phone":"1"}"#)).await;
    world.work().await;
    posted.body["id"].as_str().unwrap().to_owned()
}

/// Reads every route that returns data, for these ids.
async fn read_everything(world: &World, [lead, second, queued, quarantined, unknown]: [&str; 5]) {
    let get = async |path: &str| ask(world, Method::GET, path, None).await.status;
    assert_eq!(get(&format!("/v1/leads/{second}")).await, 200);
    assert_eq!(ask(world, Method::HEAD, &format!("/v1/leads/{lead}"), None).await.status, 200);
    assert_eq!(get(&format!("/v1/leads/{queued}")).await, 200);
    assert_eq!(get(&format!("/v1/leads/{unknown}")).await, 404);
    assert_eq!(get("/v1/leads/not-an-id").await, 404, "a malformed id is not audited");
    assert_eq!(get("/v1/leads?limit=1").await, 200);
    assert_eq!(get(&format!("/v1/submissions/{second}")).await, 200);
    assert_eq!(get(&format!("/v1/submissions/{unknown}")).await, 404);
    assert_eq!(get("/api/v1/contacts?page=2").await, 200);
    assert_eq!(get("/v1/quarantine").await, 200);
    assert_eq!(get(&format!("/v1/quarantine/{quarantined}")).await, 200);
    assert_eq!(get(&format!("/v1/quarantine/{unknown}")).await, 404);
    assert_eq!(get("/v1/tags").await, 200);
    assert_eq!(get("/v1/sources").await, 200);
    assert_eq!(get(&format!("/v1/reports/intake?source={}", world.source)).await, 200);
    for phone in ["+14155550132", "+14155550199"] {
        let validated = ask(world, Method::POST, "/v1/leads/validate", Some(json!({ "phone": phone }))).await;
        assert_eq!(validated.status, 200);
    }
    assert_eq!(get("/v1/audit?action=erase").await, 200);
}

#[tokio::test]
async fn every_read_is_audited() {
    let world = World::start().await;
    let lead = world.accepted(&json!({"phone": "+14155550132", "full_name": "Ann Lee"})).await;
    let second = world.accepted(&json!({"phone": "+14155550132"})).await;
    let quarantined = quarantined(&world).await;
    world.work().await;
    let queued = world.accepted(&json!({"phone": "+14155550133"})).await;
    let unknown = uuid::Uuid::now_v7().to_string();
    let today = {
        let report = ask(&world, Method::GET, "/v1/reports/intake", None).await;
        report.body["day"].clone()
    };
    read_everything(&world, [&lead, &second, &queued, &quarantined, &unknown]).await;

    let not_found = json!({"answer": "not_found"});
    let expected = [
        ("report.read", None, json!({"report": "intake", "day": today})),
        ("lead.read", Some(&second), json!({"lead": lead})),
        ("lead.read", Some(&lead), json!({"lead": lead})),
        ("lead.read", Some(&queued), json!({"answer": "queued"})),
        ("lead.read", Some(&unknown), not_found.clone()),
        ("leads.listed", None, json!({"count": 1, "first": lead, "last": lead})),
        ("submission.read", Some(&second), json!({})),
        ("submission.read", Some(&unknown), not_found.clone()),
        ("contacts.listed", None, json!({"count": 0, "page": 2})),
        ("quarantine.listed", None, json!({"count": 1})),
        ("quarantine.read", Some(&quarantined), json!({})),
        ("quarantine.read", Some(&unknown), not_found),
        ("tags.listed", None, json!({"count": 0})),
        ("sources.listed", None, json!({"count": 2})),
        ("report.read", Some(&world.source.to_string()), json!({"report": "intake", "day": today})),
        ("validate", None, json!({"count": 1, "leads": [lead]})),
        ("validate", None, json!({"count": 1})),
        ("audit.listed", None, json!({"count": 0})),
    ];
    let found = log(&world, world.organization, &world.key, expected.len()).await;
    for (found, (action, target, detail)) in found.iter().zip(&expected) {
        let target = target.map(String::as_str);
        let actual = (found.action.as_str(), found.target.as_deref(), Value::Object(found.detail.clone()));
        assert_eq!(actual, (*action, target, detail.clone()));
        assert!(!serde_json::to_string(found).unwrap().contains("4155550"), "no values of leads: {found:?}");
    }
    assert_eq!(found.len(), expected.len());
    world.end().await;
}

#[tokio::test]
async fn every_change_is_audited_before_the_response() {
    let world = World::start().await;
    let (first, second) = (quarantined(&world).await, quarantined(&world).await);
    let source = ask(&world, Method::POST, "/v1/sources", Some(json!({"dialect": "kickofflabs"}))).await.body;
    let campaign = source["campaign_id"].as_str().unwrap();
    let tag = ask(&world, Method::POST, "/v1/tags", Some(json!({"name": "hot"}))).await.body["id"].clone();
    let webhook = format!("/v2/{campaign}/inbound-webhook");
    let made = ask(&world, Method::POST, &webhook, Some(json!({"name": "a webhook"}))).await;
    assert!((200..300).contains(&made.status), "{}", made.body);
    let post = async |path: String| ask(&world, Method::POST, &path, None).await.status;
    assert_eq!(post(format!("/v1/quarantine/{first}/release")).await, 202);
    assert_eq!(post(format!("/v1/quarantine/{second}/discard")).await, 200);
    let filter = AuditFilter { actor: Some(Actor::Key(id_of(&world.key))), ..AuditFilter::default() };
    let mut found = world.store.audit(world.organization, filter, None, 100).await.unwrap().data;
    found.reverse();
    let actual: Vec<_> = found.iter().map(|one| (one.action.as_str(), one.target.clone().unwrap())).collect();
    let (token, webhook) = (actual[1].1.clone(), actual[3].1.clone());
    let expected = [
        ("source.created", source["id"].as_str().unwrap().to_owned()),
        ("key.created", token),
        ("tag.created", tag.to_string()),
        ("key.created", webhook),
        ("quarantine.released", first),
        ("quarantine.discarded", second),
    ];
    assert_eq!(actual, expected);
    assert_eq!(found[1].detail["kind"], "token");
    assert!(!format!("{found:?}").contains("a webhook"), "names are not audited");
    world.end().await;
}

#[tokio::test]
async fn an_audit_log_is_visible_to_its_organization_only() {
    let world = World::start().await;
    let lead = world.accepted(&json!({"phone": "+14155550132"})).await;
    world.work().await;
    ask(&world, Method::GET, &format!("/v1/leads/{lead}"), None).await;
    log(&world, world.organization, &world.key, 1).await;
    let stranger = world.stranger().await;
    let theirs = world.store.organization_named("theirs").await.unwrap().unwrap().id;
    let as_stranger = |path: &str| send(world.client.get(world.url(path)).bearer_auth(&stranger));
    assert_eq!(as_stranger(&format!("/v1/leads/{lead}")).await.status, 404);
    let tried = log(&world, theirs, &stranger, 1).await;
    assert_eq!((tried[0].target.as_deref(), &tried[0].detail["answer"]), (Some(&*lead), &json!("not_found")));
    let seen = as_stranger("/v1/audit").await;
    let ours = id_of(&world.key).to_string();
    assert_eq!(seen.status, 200);
    assert!(!seen.body.to_string().contains(&ours), "{}", seen.body);
    let filtered = as_stranger(&format!("/v1/audit?key={ours}")).await;
    assert_eq!(filtered.body, json!({"data": [], "next": null}));
    let own = world.store.audit(world.organization, AuditFilter::default(), None, 100).await.unwrap().data;
    let theirs = id_of(&stranger).to_string();
    assert!(
        own.iter().all(|entry| !entry.actor.contains(&theirs)),
        "the attempt is audited for the caller only"
    );
    world.end().await;
}

#[tokio::test]
async fn the_log_is_read_page_by_page_by_an_administrator() {
    let world = World::start().await;
    for name in ["a", "b", "c"] {
        ask(&world, Method::POST, "/v1/tags", Some(json!({ "name": name }))).await;
    }
    let key = id_of(&world.key);
    let (mut seen, mut path) = (Vec::new(), format!("/v1/audit?key={key}&action=tag.created&limit=2"));
    let first = path.clone();
    loop {
        let page = ask(&world, Method::GET, &path, None).await.body;
        seen.extend(page["data"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("{first}&after={next}");
    }
    let targets: Vec<_> = seen.iter().map(|entry| entry["target"].as_str().unwrap()).collect();
    assert_eq!(targets, ["3", "2", "1"]);
    assert_eq!(seen[0]["actor"], format!("key {key}"));
    let since = seen[0]["at"].as_str().unwrap();
    let later = ask(&world, Method::GET, &format!("{first}&since={since}"), None).await.body;
    assert_eq!(later["data"][0]["target"], "3", "`since` is inclusive");
    for (query, parameter) in [
        ("key=x", "key"),
        ("action=lead.eaten", "action"),
        ("since=yesterday", "since"),
        ("limit=0", "limit"),
        ("after=x", "after"),
    ] {
        let refused = ask(&world, Method::GET, &format!("/v1/audit?{query}"), None).await;
        assert_eq!(refused.problem(), (400, "invalid_parameter"), "{query}");
        assert_eq!(refused.body["errors"][0]["parameter"], parameter);
    }
    let reader = world.key_with(|key| key.scopes = vec![Scope::Write, Scope::Read]).await;
    let refused = send(world.client.get(world.url("/v1/audit")).bearer_auth(&reader)).await;
    assert_eq!(refused.problem(), (403, "insufficient_scope"));
    world.end().await;
}

#[tokio::test]
async fn the_last_audit_entries_are_written_at_shutdown() {
    let mut world = World::start().await;
    let lead = world.accepted(&json!({"phone": "+14155550132"})).await;
    world.work().await;
    for _ in 0..5 {
        ask(&world, Method::GET, &format!("/v1/leads/{lead}"), None).await;
    }
    world.stop.cancel();
    let serving = std::mem::replace(&mut world.serving, tokio::spawn(async { Ok(()) }));
    serving.await.unwrap().unwrap();
    let filter = AuditFilter { actor: Some(Actor::Key(id_of(&world.key))), ..AuditFilter::default() };
    let found = world.store.audit(world.organization, filter, None, 100).await.unwrap().data;
    assert_eq!(found.len(), 5);
    world.end().await;
}
