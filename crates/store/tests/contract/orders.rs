//! The order in which workers process submissions does not change the resulting lead.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use leadgate_domain::{
    ConsentPolicy, Dialect, DuplicatePolicy, FieldVersion, Fields, Lead, Outcome, Source, SourceSettings,
    Submission, SuppressionKind, Timestamp,
};
use rand::rngs::SmallRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::races::{all_leads, suppression};
use crate::world::{World, over_both};

over_both!(the_order_of_processing_does_not_change_the_lead);

const ORDERS: u64 = 50;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Two sources of one organization with the policy `update`, which differ in their other settings.
async fn sources(world: &World) -> [Arc<Source>; 2] {
    let mut sources = Vec::new();
    for (name, region) in [("crm", "US"), ("form", "GB")] {
        let mut source = Source::new(
            world.organization.id,
            &leadgate_dialect::protocol(Dialect::Native).source_defaults,
            Some(name.to_owned()),
            Timestamp::now(),
        );
        let settings = json!({
            "policy": "update", "region": region, "tags": [name],
            "identity": { "rule": "any_of", "keys": [
                { "kind": "external_id" }, { "kind": "phone", "window": "30d" }, { "kind": "email", "window": "30d" },
            ]},
        });
        serde_json::from_value::<SourceSettings>(settings).unwrap().apply(&mut source).unwrap();
        source.consent = if name == "crm" { ConsentPolicy::Required } else { ConsentPolicy::Optional };
        source.consent_max_age = (name == "form").then_some(DAY * 90);
        assert_eq!(source.policy, DuplicatePolicy::Update);
        world.store.create_source(&source).await.unwrap();
        sources.push(Arc::new(source));
    }
    [Arc::clone(&sources[0]), Arc::clone(&sources[1])]
}

/// Submissions of one person over about twenty days, each with the index of its source. The email stays the
/// same and identifies the person. Every other value changes, and some change back.
fn submitted_fields() -> Vec<(usize, Value)> {
    let consent = |day: u32, version: &str| {
        let at = format!("2026-09-{day:02}T10:00:00Z");
        json!({ "consent_timestamp": at, "consent_text_version": version, "source_url": "https://acme.example/form" })
    };
    let all = [
        (
            0,
            json!({ "email": "Ann@acme.example", "texts": { "full_name": "Ann Lee", "external_id": "crm-1" } }),
        ),
        (1, json!({ "email": "ann@ACME.example", "phone": "+14155550132", "tags": ["a"] })),
        (
            0,
            json!({ "email": "ann@acme.example", "phone": "(415) 555-0133", "texts": { "company": "Acme" } }),
        ),
        (
            1,
            json!({ "email": "ann@acme.example", "consent": consent(10, "v1"), "custom_fields": { "x": 1, "y": [1] } }),
        ),
        (0, json!({ "email": "ann@acme.example", "texts": { "company": null, "state": "california" } })),
        (1, json!({ "email": "ann@acme.example", "phone": null, "custom_fields": { "x": null, "z": "ü" } })),
        (0, json!({ "email": "ann@acme.example", "texts": { "external_id": "crm-2" }, "tags": ["b", "a"] })),
        (
            1,
            json!({ "email": "ann@acme.example", "phone": "020 7946 0958", "texts": { "first_name": "Anna" } }),
        ),
        (0, json!({ "email": "ann@acme.example", "opt_out": true, "attribution": { "gclid": "1" } })),
        (
            1,
            json!({ "email": "ann@acme.example", "consent": null, "texts": {
            "full_name": null, "page_url": "https://x.example/?utm_source=a" } }),
        ),
        (
            0,
            json!({ "email": "ann@acme.example", "consent": consent(12, "v2"), "custom_fields": { "x": 2 } }),
        ),
        (
            1,
            json!({ "email": "ANN@acme.example", "attribution": { "utm_medium": "cpc" }, "automations": [1] }),
        ),
    ];
    all.into()
}

fn submissions(world: &World, sources: &[Arc<Source>; 2]) -> Vec<(Submission, Arc<Source>)> {
    let submission = |(day, (source, fields)): (u32, (usize, Value))| {
        let fields: Fields = serde_json::from_value(fields).unwrap();
        let submission = world.submission(fields);
        let received_at = submission.received_at.plus(DAY * day * 2);
        (Submission { received_at, source: sources[source].id, ..submission }, Arc::clone(&sources[source]))
    };
    (0..).zip(submitted_fields()).map(submission).collect()
}

/// Commits the submissions in random order and in random batches, some of them more than once.
async fn commit(world: &World, all: &[(Submission, Arc<Source>)], random: &mut SmallRng) {
    let mut order: Vec<_> = (0..all.len()).chain((0..3).map(|_| random.random_range(0..all.len()))).collect();
    order.shuffle(random);
    let mut rest = order.as_slice();
    while !rest.is_empty() {
        let (batch, after) = rest.split_at(random.random_range(1..=rest.len().min(5)));
        let normalize = |index: &usize| world.normalize_by(&all[*index].1, all[*index].0.clone());
        world.store.commit(batch.iter().map(normalize).collect::<Vec<_>>(), world.judge()).await.unwrap();
        rest = after;
    }
}

/// The lead without its id, and the version of each of its fields.
fn comparable(lead: &Lead) -> (Value, BTreeMap<String, FieldVersion>) {
    let mut document = serde_json::to_value(lead).unwrap();
    document["id"] = Value::Null;
    document["field_versions"] = Value::Null;
    let names = ["phone", "email", "consent", "attribution", "automations", "user_assignments", "observed"];
    let names = names.into_iter().filter(|name| !document[*name].is_null()).map(str::to_owned);
    let texts = lead.texts.keys().map(|field| field.as_str().to_owned());
    let custom = lead.custom_fields.keys().map(|key| format!("custom_fields/{key}"));
    let versions = names.chain(texts).chain(custom).map(|name| (name, lead.field_versions.base));
    let mut versions: BTreeMap<_, _> = versions.collect();
    versions.extend(lead.field_versions.by_field.clone());
    (document, versions)
}

async fn the_order_of_processing_does_not_change_the_lead(world: World) {
    let sources = sources(&world).await;
    let all = submissions(&world, &sources);
    let entry = suppression(&world, SuppressionKind::Phone, "+442079460958").await;
    world.store.suppress(world.organization.id, vec![entry], world.judge()).await.unwrap();
    let mut expected = None;
    let mut creators = std::collections::BTreeSet::new();
    // The same submissions are committed again and again, each time as if they were new.
    let allow_deletion = match world.is_sqlite() {
        true => "DROP TRIGGER consents_are_not_deleted",
        false => "ALTER TABLE consents DISABLE TRIGGER USER",
    };
    world.sql(allow_deletion).await;
    for seed in 0..ORDERS {
        commit(&world, &all, &mut SmallRng::seed_from_u64(seed)).await;
        let leads = all_leads(&world).await;
        assert_eq!(leads.len(), 1, "order {seed}");
        let result = comparable(&leads[0]);
        assert_eq!(*expected.get_or_insert_with(|| result.clone()), result, "order {seed}");
        creators.insert(leads[0].id);
        let stored = world.stored_submissions().await;
        let count = |outcome| stored.iter().filter(|summary| summary.outcome == Some(outcome)).count();
        assert_eq!((count(Outcome::Created), count(Outcome::Updated)), (1, all.len() - 1), "order {seed}");
        world
            .sql(
                "DELETE FROM outcomes; DELETE FROM submissions; DELETE FROM leads; DELETE FROM claims;
                 DELETE FROM consents; DELETE FROM consent_people",
            )
            .await;
    }
    assert!(creators.len() > 6, "the orders differ: {creators:?}");
    let (lead, versions) = expected.unwrap();
    assert_last_values(&lead);
    let version = |index: usize| -> FieldVersion { all[index].0.field_version() };
    for (field, index) in
        [("phone", 7), ("full_name", 9), ("consent", 10), ("custom_fields/x", 10), ("company", 4)]
    {
        assert_eq!(versions[field], version(index), "{field}");
    }
    assert_eq!(lead["source"], json!(sources[0].id), "the source of the earliest submission");
}

fn assert_last_values(lead: &Value) {
    assert_eq!(lead["phone"]["e164"], "+442079460958");
    assert_eq!(lead["email"]["raw"], "ANN@acme.example");
    assert_eq!(
        lead["texts"],
        json!({ "first_name": "Anna", "state": "CA", "external_id": "crm-2",
                "page_url": "https://x.example/?utm_source=a" })
    );
    assert_eq!(lead["custom_fields"], json!({ "x": 2, "y": [1], "z": "ü" }));
    assert_eq!(lead["tags"], json!(["a", "b", "crm", "form"]));
    assert_eq!(lead["attribution"], json!({ "utm_medium": "cpc" }));
    assert_eq!((&lead["opt_out"], &lead["consent"]["consent_text_version"]), (&json!(true), &json!("v2")));
    let reasons = lead["reasons"].as_array().unwrap();
    assert!(
        reasons.contains(&json!("opted_out")) && reasons.contains(&json!("suppressed_phone")),
        "{reasons:?}"
    );
}
