//! Validation agrees with the worker: thousands of leads are validated, posted and compared.

mod bodies;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bodies::{Bodies, Body};
use futures_util::StreamExt;
use futures_util::stream::iter;
use leadgate_dialect::native;
use leadgate_domain::mapping::Mapping;
use leadgate_domain::{
    ConsentPolicy, Dialect, DuplicatePolicy, Lead, LeadId, Reason, Source, SourceId, SubmissionId,
    SuppressedValue, Suppression, SuppressionKind, Timestamp,
};
use leadgate_pipeline::Pipeline;
use leadgate_store::{Store, StoreConfig, SubmissionSummary};
use leadgate_testkit::servers::shared;
use reqwest::RequestBuilder;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::world::{Answer, World, config, secret, send};

const SEED: u64 = 7;

/// The number of lines that are validated at once.
const CHUNK: usize = 500;
/// The trace of every n-th lead is compared.
const TRACED: usize = 8;
/// The number of concurrent posts.
const CONCURRENCY: usize = 16;

const BROWSER: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1";

#[tokio::test(flavor = "multi_thread")]
async fn validation_and_the_stored_lead_agree_in_sqlite() {
    agree(World::start().await, 10_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn validation_and_the_stored_lead_agree_in_postgresql() {
    let url = shared().postgres().await.unwrap().database().await.unwrap();
    let store = Store::open(&StoreConfig::api(url).with_secret(&secret())).unwrap();
    store.migrate().await.unwrap();
    let leads = std::env::var("LEADGATE_TEST_LEADS").ok().and_then(|leads| leads.parse().ok());
    agree(World::with_store(store, config()).await, leads.unwrap_or(1_000)).await;
}

/// Counts the results of a test.
#[derive(Debug, Default)]
struct Tally {
    accepted: usize,
    refused: usize,
    eligible: usize,
    held: usize,
    /// Submissions that matched a lead of another source than the caller's.
    hidden: usize,
    reasons: BTreeSet<Reason>,
    outcomes: BTreeSet<String>,
}

async fn agree(world: World, leads: usize) {
    let begun = Instant::now();
    suppress(&world).await;
    let callers = Caller::all(&world).await;
    let mut bodies = Bodies::new(SEED);
    let (mut tally, mut disagreements) = (Tally::default(), Vec::new());
    for turn in 0..leads / CHUNK {
        let caller = &callers[turn % callers.len()];
        let chunk = bodies.of_different_people(CHUNK);
        disagreements.extend(caller.compare(&world, &chunk, &mut tally).await);
    }
    println!("{tally:?} in {:.1} s", begun.elapsed().as_secs_f32());
    let shown: Vec<_> = disagreements.iter().take(20).collect();
    assert!(disagreements.is_empty(), "{} of {leads}: {shown:#?}", disagreements.len());
    assert!(
        tally.refused > leads / 50 && tally.eligible > leads / 20,
        "the generated leads include refused and eligible ones"
    );
    assert!(tally.hidden * 10 < leads, "most leads are shown completely");
    if leads >= 10_000 {
        // Each of these bodies has a phone or an email.
        let expected = Reason::ALL.into_iter().filter(|reason| *reason != Reason::NoContact);
        assert_eq!(tally.reasons, expected.collect());
        let all = ["created", "duplicate", "linked", "updated"];
        assert_eq!(tally.outcomes, BTreeSet::from(all.map(str::to_owned)));
    }
    world.end().await;
}

/// Suppresses some of the people who are posted later.
async fn suppress(world: &World) {
    let matching = world.store.match_key().await.unwrap();
    let entry = |kind, value: &str| {
        let value = SuppressedValue::parse_kind(kind, value, None).ok()?;
        Some(Suppression::new(&matching, world.organization, &value, Timestamp::now()))
    };
    let mut entries = Vec::from_iter(entry(SuppressionKind::Domain, "sales.example.co.uk"));
    for (n, body) in Bodies::new(SEED).take(3_000).step_by(7).enumerate() {
        let (kind, value) = match n % 2 {
            0 => (SuppressionKind::Phone, body.phone),
            _ => (SuppressionKind::Email, body.email),
        };
        entries.extend(value.and_then(|value| entry(kind, &value)));
    }
    let judge = Arc::new(Pipeline::new(matching));
    world.store.suppress(world.organization, entries, judge).await.unwrap();
}

/// A client that posts to a source.
struct Caller {
    key: String,
    agent: &'static str,
}

impl Caller {
    async fn at(world: &World, agent: &'static str, change: impl FnOnce(&mut Source)) -> Self {
        let (source, _) = world.source_of(Dialect::Native, change).await;
        let key = world.key_with(|key| key.source = source.id).await;
        Self { key, agent }
    }

    async fn all(world: &World) -> Vec<Self> {
        let updating = |source: &mut Source| source.policy = DuplicatePolicy::Update;
        let aging = |source: &mut Source| {
            source.policy = DuplicatePolicy::Update;
            source.consent_max_age = Some(Duration::from_secs(500 * 86_400));
            source.default_region = "US".parse().ok();
        };
        let optional = |source: &mut Source| {
            source.policy = DuplicatePolicy::Link;
            source.consent = ConsentPolicy::Optional;
            source.tags = vec!["fair".to_owned()];
        };
        vec![
            Self { key: world.key.clone(), agent: "" },
            Self::at(world, BROWSER, updating).await,
            Self::at(world, "curl/8.5.0", aging).await,
            Self::at(world, BROWSER, optional).await,
            Self::mapped(world).await,
            Self { key: world.key_with(|key| key.test = true).await, agent: BROWSER },
        ]
    }

    /// A client of a source whose mapping copies fields and maps values.
    async fn mapped(world: &World) -> Self {
        let (source, _) = world.source_of(Dialect::Native, |_| {}).await;
        let copy = |n: usize| json!({ "to": format!("custom_fields.copy{n}"), "from": ["long"] });
        let mut rules: Vec<Value> = (0..6).map(copy).collect();
        rules.push(json!({ "to": "company", "from": ["company"], "values": { "nobody": null } }));
        let mapping: Mapping = serde_json::from_value(json!({ "rules": rules })).unwrap();
        world.store.add_mapping(world.organization, source.id, &mapping).await.unwrap();
        let key = world.key_with(|key| key.source = source.id).await;
        Self { key, agent: "" }
    }

    fn sending(&self, world: &World, path: &str, kind: &str, body: Vec<u8>) -> RequestBuilder {
        let request = world.client.post(world.url(path)).bearer_auth(&self.key);
        request.header("content-type", kind).header("user-agent", self.agent).body(body)
    }

    /// Validates each body, then posts it. Returns the differences.
    async fn compare(&self, world: &World, bodies: &[Body], tally: &mut Tally) -> Vec<String> {
        let lines: Vec<u8> = bodies.iter().flat_map(|body| [&body.bytes[..], b"\n"].concat()).collect();
        let validated = send(self.sending(world, "/v1/leads/validate", "application/x-ndjson", lines)).await;
        let validated = validated.body.as_str().expect("several lines").lines();
        let validated: Vec<Value> = validated.map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(validated.len(), bodies.len());
        let post = async |body: &Body| {
            send(self.sending(world, "/v1/leads", "application/json", body.bytes.clone())).await
        };
        let answers: Vec<Answer> = iter(bodies).map(post).buffered(CONCURRENCY).collect().await;
        world.work().await;
        let accepted = answers.iter().filter(|answer| answer.status == 202);
        let accepted = accepted.map(|answer| serde_json::from_value(answer.body["id"].clone()).unwrap());
        let stored = Stored::read(world, &accepted.collect::<Vec<_>>()).await;
        let mut disagreements = Vec::new();
        for (place, ((body, mut validated), answer)) in bodies.iter().zip(validated).zip(answers).enumerate()
        {
            let (validated, found) = match answer.status {
                202 => {
                    let id = serde_json::from_value(answer.body["id"].clone()).unwrap();
                    let mut found = stored.shown(id);
                    // Reading a trace is expensive.
                    match place % TRACED {
                        0 => found["trace"] = trace(world, id).await,
                        _ => drop(validated.as_object_mut().unwrap().remove("trace")),
                    }
                    tally.compare_leads(validated, found)
                }
                _ => tally.compare_refusals(validated, answer.body),
            };
            if validated != found {
                let body = String::from_utf8_lossy(&body.bytes).chars().take(300).collect::<String>();
                disagreements.push(format!("{body}\n{}", differences(&validated, &found)));
            }
        }
        disagreements
    }
}

/// The stored results of a chunk, read at once.
struct Stored {
    titles: BTreeMap<SourceId, String>,
    outcomes: BTreeMap<SubmissionId, SubmissionSummary>,
    leads: BTreeMap<LeadId, Lead>,
}

impl Stored {
    async fn read(world: &World, ids: &[SubmissionId]) -> Self {
        let before = ids.iter().min().map(|first| first.as_uuid().as_u128() - 1);
        let before = before.map(|before| SubmissionId::from_uuid(Uuid::from_u128(before)));
        let page = world.store.submissions(world.organization, before, 1_000).await.unwrap();
        let named = page.data.iter().filter_map(|one| Some((world.organization, one.lead?)));
        let leads = world.store.leads_of(&named.collect::<Vec<_>>()).await.unwrap();
        let sources = world.store.sources(world.organization).await.unwrap();
        Self {
            titles: sources.iter().map(|source| (source.id, source.display_name())).collect(),
            outcomes: page.data.into_iter().map(|one| (one.id, one)).collect(),
            leads: leads.into_iter().map(|lead| (lead.id, lead)).collect(),
        }
    }

    /// The response that shows a submission.
    fn shown(&self, id: SubmissionId) -> Value {
        let one = &self.outcomes[&id];
        let (outcome, lead) =
            (one.outcome.expect("the worker has processed it"), &self.leads[&one.lead.unwrap()]);
        let mut answer = serde_json::to_value(native::lead_response(lead, id, outcome, &|id| {
            self.titles.get(&id).cloned()
        }))
        .unwrap();
        answer["outcome"] = json!(outcome);
        answer
    }
}

async fn trace(world: &World, id: SubmissionId) -> Value {
    let record = world.store.submission(world.organization, id).await.unwrap().unwrap();
    json!(record.outcomes.last().unwrap().trace)
}

impl Tally {
    /// Removes what necessarily differs from both responses: ids of new leads, and times.
    fn compare_leads(&mut self, mut validated: Value, mut found: Value) -> (Value, Value) {
        self.accepted += 1;
        self.outcomes.insert(found["outcome"].as_str().unwrap().to_owned());
        let reasons: Vec<Reason> =
            serde_json::from_value(found["reasons"].clone()).expect("known reasons only");
        match found["eligibility"].as_str() {
            Some("held") => self.held += 1,
            Some("eligible") => self.eligible += 1,
            other => panic!("{other:?}"),
        }
        assert_eq!(found["eligibility"] == "held", !reasons.is_empty(), "{found}");
        self.reasons.extend(reasons);
        let made = found["outcome"] == "created";
        for answer in [&mut validated, &mut found] {
            let answer = answer.as_object_mut().unwrap();
            answer.retain(|name, _| !["submission", "received_at", "updated_at"].contains(&name.as_str()));
            answer.retain(|name, _| !(made && name == "id"));
        }
        // A key of a named source does not see the lead of another source. Then only the outcome is compared.
        if validated.get("eligibility").is_none() {
            self.hidden += 1;
            for answer in [&mut validated, &mut found] {
                answer.as_object_mut().unwrap().retain(|name, _| name == "outcome");
            }
        }
        (validated, found)
    }

    /// A refused line has the same response as a refused post.
    fn compare_refusals(&mut self, validated: Value, found: Value) -> (Value, Value) {
        self.refused += 1;
        (validated, found)
    }
}

/// The members in which two responses differ.
fn differences(validated: &Value, found: &Value) -> String {
    let members = [validated, found].into_iter().filter_map(Value::as_object);
    let names: BTreeSet<&String> = members.flat_map(Map::keys).collect();
    let differ = names.into_iter().filter(|name| validated.get(name) != found.get(name));
    let shown = |name| format!("  {name}: validated {:?}, stored {:?}", validated.get(name), found.get(name));
    differ.map(shown).collect::<Vec<_>>().join("\n")
}
