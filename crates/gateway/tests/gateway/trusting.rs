//! Public credentials (URL tokens, publishable keys): which responses they get, and which values they may set
//! and change. Every test covers all dialects, including new ones.

use leadgate_dialect::native::token_path;
use leadgate_domain::suppression::SuppressionRequest;
use leadgate_domain::{
    DataSubject, Dialect, DuplicatePolicy, Email, IdentityRule, KeyKind, Phone, Source, Timestamp,
};
use leadgate_store::SubmissionSummary;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::world::{Answer, World, send};

const PAGE: &str = "https://page.example";
const PUBLIC: [KeyKind; 2] = [KeyKind::Publishable, KeyKind::Token];

/// Stored values that must never be in a response to a public credential.
const STORED: [&str; 6] = ["Storedname", "stored-tag", "stored-value", "crm-stored", "suppressed", "erased"];

/// A public credential of a source, and the paths to which it posts.
struct Form<'w> {
    world: &'w World,
    kind: KeyKind,
    paths: Vec<String>,
    key: String,
}

impl<'w> Form<'w> {
    async fn at(world: &'w World, source: &Source, kind: KeyKind) -> Self {
        let key = world
            .credential(kind, |key| {
                key.source = source.id;
                key.origins = vec![PAGE.to_owned()];
                key.tags = vec!["stored-tag".to_owned()];
                key.label = Some("stored-value".to_owned());
            })
            .await;
        let paths = match kind {
            KeyKind::Token => vec![token_path(source, &key)],
            _ => paths(source),
        };
        Self { world, kind, paths, key }
    }

    fn request(&self, path: &str, body: &Value) -> RequestBuilder {
        let request = self.world.client.post(self.world.url(path)).header("origin", PAGE);
        let request = match self.kind {
            KeyKind::Token => request,
            _ => request.bearer_auth(&self.key),
        };
        request.header("content-type", "application/json").body(body.to_string())
    }

    async fn post(&self, body: &Value) -> Answer {
        let answer = send(self.request(&self.paths[0], body)).await;
        assert!(
            (200..=202).contains(&answer.status),
            "{} {}: {}",
            self.kind.as_str(),
            answer.status,
            answer.body
        );
        answer
    }
}

/// The paths to which a key of this source may post.
fn paths(source: &Source) -> Vec<String> {
    let own = match source.dialect {
        Dialect::Native | Dialect::Lead2inbound | Dialect::FiveHundredLeads => None,
        Dialect::AbcSales => Some("/v1/webhooks/leads".to_owned()),
        Dialect::KickoffLabs => Some(format!("/v2/{}", source.campaign.as_deref().unwrap())),
        Dialect::AskAd => Some("/api/v1/leads/capture".to_owned()),
    };
    ["/v1/leads".to_owned()].into_iter().chain(own).collect()
}

fn person(number: usize) -> Value {
    json!({
        "full_name": "Visitor", "phone": format!("+1415555{:04}", 100 + number), "email": format!("v{number}@example.com"),
    })
}

/// Stores a lead of a server about the first person, suppresses the second, and erases the third. The fourth
/// is new.
async fn people(world: &World, source: &Source, key: &str, first: usize) -> [Value; 4] {
    let people = [0, 1, 2, 3].map(|offset| person(first + offset));
    for known in &people[..3] {
        let mut lead = known.clone();
        lead["full_name"] = "Storedname".into();
        lead["external_id"] = format!("crm-stored-{}", known["email"]).into();
        lead["tags"] = json!(["stored-tag"]);
        lead["color"] = "stored-value".into();
        let request = world.client.post(world.url("/v1/leads")).bearer_auth(key);
        let request = request.header("prefer", "wait=10").header("content-type", "application/json");
        let answer = send(request.body(lead.to_string())).await;
        assert!(
            (200..=202).contains(&answer.status),
            "{}: {} {}",
            source.dialect,
            answer.status,
            answer.body
        );
    }
    let entry: SuppressionRequest = serde_json::from_value(json!({ "phone": people[1]["phone"] })).unwrap();
    let matching = world.store.match_key().await.unwrap();
    let entry = entry.entry(&matching, world.organization, Timestamp::now()).unwrap();
    world.store.suppress(world.organization, vec![entry], world.judge().await).await.unwrap();
    let mut subject = DataSubject::default();
    subject.add_phone(Phone::parse(people[2]["phone"].as_str().unwrap(), None).unwrap());
    subject.add_email(Email::parse(people[2]["email"].as_str().unwrap()).unwrap());
    world.erase(subject).await;
    people
}

/// Status, names of headers, and the body without values that differ between requests (ids, times, submitted
/// values).
fn shape(answer: &Answer, body: &Value) -> String {
    let mut text = answer.body.to_string();
    for name in ["phone", "email"] {
        text = text.replace(body[name].as_str().unwrap(), name);
    }
    let mut shown: Value = serde_json::from_str(&text).unwrap();
    for name in ["id", "when", "external_id"] {
        if let Some(value) = shown.get_mut(name) {
            *value = json!(format!("some {name}"));
        }
    }
    let mut headers: Vec<_> = answer.headers.keys().map(|name| name.as_str()).collect();
    headers.sort_unstable();
    format!("{} {headers:?} {shown}", answer.status)
}

#[tokio::test]
async fn a_public_response_does_not_depend_on_stored_data() {
    let world = World::start().await;
    world.start_worker().await;
    for (dialect_index, dialect) in Dialect::ALL.iter().copied().enumerate() {
        let (source, key) = world.source_of(dialect, |source| source.policy = DuplicatePolicy::Update).await;
        for (index, kind) in PUBLIC.into_iter().enumerate() {
            let people = people(&world, &source, &key, 100 * dialect_index + 10 * index).await;
            for path in 0..Form::at(&world, &source, kind).await.paths.len() {
                // A separate credential for each path, because of the rate limit per address.
                let form = Form::at(&world, &source, kind).await;
                let path = &form.paths[path];
                let mut shapes = Vec::new();
                for (header, extra) in [
                    (None, json!({})),
                    (Some(("idempotency-key", "k-1")), json!({})),
                    (Some(("idempotency-key", "k-1")), json!({})),
                    (Some(("prefer", "wait=5")), json!({})),
                    (Some(("prefer", "respond-async")), json!({})),
                    (None, json!({ "must_exist": true })),
                ] {
                    for person in &people {
                        let mut body = person.clone();
                        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
                        let mut request = form.request(path, &body);
                        if let Some((name, value)) = header {
                            request = request.header(name, value);
                        }
                        let answer = send(request).await;
                        let response = format!("{:?} {}", answer.headers, answer.body);
                        for stored in STORED {
                            assert!(!response.contains(stored), "{dialect} {path}: {stored} in {response}");
                        }
                        shapes.push(shape(&answer, person));
                    }
                }
                for one in &shapes {
                    assert_eq!(one, &shapes[0], "{dialect} {path} by {}", kind.as_str());
                }
            }
        }
    }
    world.end().await;
}

/// The newest lead with a phone, as a key with all scopes sees it.
async fn lead(world: &World, phone: &Value) -> Value {
    let list = send(world.get("/v1/leads?limit=100")).await;
    let found = list.body["data"].as_array().unwrap().iter().find(|lead| lead["phone"]["e164"] == *phone);
    found.unwrap_or_else(|| panic!("no lead with {phone} in {}", list.body)).clone()
}

/// The submissions that created or matched a lead, in the order of their ids.
async fn submissions_of(world: &World, lead: &str) -> Vec<SubmissionSummary> {
    let page = world.store.submissions(world.organization, None, 500).await.unwrap();
    page.data.into_iter().filter(|one| one.lead.is_some_and(|id| id.to_string() == lead)).collect()
}

async fn from_server(world: &World, source: &Source, key: &str, body: &Value) -> Answer {
    let path = paths(source).pop().unwrap();
    let request = world.client.post(world.url(&path)).bearer_auth(key).header("prefer", "respond-async");
    send(request.header("content-type", "application/json").body(body.to_string())).await
}

#[tokio::test]
async fn a_form_cannot_block_the_lead_of_a_server() {
    let world = World::start().await;
    for (dialect_index, dialect) in Dialect::ALL.iter().copied().enumerate() {
        for (index, policy) in
            [DuplicatePolicy::ReturnExisting, DuplicatePolicy::Link, DuplicatePolicy::Update]
                .into_iter()
                .enumerate()
        {
            for (more, kind) in PUBLIC.into_iter().enumerate() {
                let (source, key) = world.source_of(dialect, |source| source.policy = policy).await;
                let form = Form::at(&world, &source, kind).await;
                let mut body = person(2_000 + 100 * dialect_index + 10 * index + more);
                form.post(&body).await;
                world.work().await;
                body["full_name"] = "Ann Server".into();
                body["external_id"] = "crm-1".into();
                let [once, again] = [(), ()].map(|()| from_server(&world, &source, &key, &body));
                drop(once.await);
                world.work().await;
                let lead = lead(&world, &body["phone"]).await;
                let response = (&lead["full_name"], &lead["external_id"]);
                assert_eq!(response, (&json!("Ann Server"), &json!("crm-1")), "{dialect} {policy}");
                drop(again.await);
                world.work().await;
                let id = lead["id"].as_str().unwrap();
                let made = submissions_of(&world, id).await;
                let outcomes: Vec<_> = made.iter().map(|one| one.outcome.unwrap().as_str()).collect();
                // With `first_of`, the first key of the server identifies another lead, which must not be
                // blocked either.
                let own = source.identity_rule == IdentityRule::FirstOf;
                let met = if own { vec!["created"] } else { vec!["created", "updated"] };
                let then = match policy {
                    DuplicatePolicy::ReturnExisting => "duplicate",
                    DuplicatePolicy::Link => "linked",
                    _ => "updated",
                };
                assert_eq!(outcomes, [met, vec![then]].concat(), "{dialect} {policy} {id}");
            }
        }
    }
    world.end().await;
}

#[tokio::test]
async fn a_form_cannot_change_values_from_a_server() {
    let world = World::start().await;
    for (dialect_index, dialect) in Dialect::ALL.iter().copied().enumerate() {
        for (index, kind) in PUBLIC.into_iter().enumerate() {
            let (source, key) =
                world.source_of(dialect, |source| source.policy = DuplicatePolicy::Update).await;
            let form = Form::at(&world, &source, kind).await;
            let submitted = person(4_000 + 100 * dialect_index + 10 * index);
            let mut server = submitted.clone();
            server["company"] = "Acme".into();
            server["color"] = "red".into();
            from_server(&world, &source, &key, &server).await;
            world.work().await;
            let mut forged = submitted.clone();
            let more = json!({
                "full_name": "Forged Name", "email": format!("forged.{dialect_index}.{index}@example.com"), "company": null, "color": "black",
                "external_id": "crm-forged", "line_id": "line-forged", "automations": ["forged"],
                "user_assignments": [1], "is_test": true, "size": "XL", "opt_out": true,
            });
            forged.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            form.post(&forged).await;
            world.work().await;
            let lead = lead(&world, &submitted["phone"]).await;
            let response = [&lead["full_name"], &lead["email"]["address"], &lead["company"]];
            assert_eq!(
                response,
                [&submitted["full_name"], &submitted["email"], &json!("Acme")],
                "{dialect} {}",
                kind.as_str()
            );
            for name in ["external_id", "line_id", "automations", "user_assignments"] {
                assert_eq!(lead[name], Value::Null, "{dialect} {name}");
            }
            assert_eq!(
                lead["custom_fields"],
                json!({ "color": "red", "size": "XL" }),
                "{dialect}: only new fields are added"
            );
            let reasons = lead["reasons"].as_array().unwrap();
            assert!(reasons.contains(&json!("opted_out")), "an opt-out always applies: {reasons:?}");
            assert!(!reasons.contains(&json!("test_lead")), "{reasons:?}");
            assert_untrusted_fields_are_kept(&world, lead["id"].as_str().unwrap()).await;
        }
    }
    world.end().await;
}

/// Asserts that values which a form may not set stay in its submission, and that the trace names them.
async fn assert_untrusted_fields_are_kept(world: &World, lead: &str) {
    let last = submissions_of(world, lead).await.pop().unwrap().id;
    let shown = send(world.get(&format!("/v1/submissions/{last}"))).await;
    let kept = json!({
        "external_id": "crm-forged", "line_id": "line-forged", "automations": ["forged"],
        "user_assignments": [1], "is_test": true,
    });
    assert_eq!(shown.body["fields"]["untrusted_fields"], kept, "{}", shown.body);
    let mut noted: Vec<_> = kept.as_object().unwrap().keys().collect();
    noted.sort();
    let mut response: Vec<_> =
        shown.body["trace"]["normalize"]["untrusted_fields"].as_array().unwrap().iter().collect();
    response.sort_by_key(|name| name.to_string());
    assert_eq!(response, noted.iter().map(|name| json!(name)).collect::<Vec<_>>().iter().collect::<Vec<_>>());
}
