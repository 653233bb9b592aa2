//! Every submission that passes the validator is stored by both databases and read back unchanged.

use leadgate_domain::mapping::{MappingFault, MappingFaultCode};
use leadgate_domain::{
    BodyFormat, Consent, Fields, Outcome, Patch, RawBody, Submission, TextField, validate,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Number, Value};

use crate::world::{World, over_both};

over_both!(every_valid_submission_is_stored_unchanged);

const SUBMISSIONS: usize = 400;

/// Texts of every alphabet, and texts that are difficult for parsers and databases.
fn text() -> impl Strategy<Value = String> {
    let odd = [
        "",
        " ",
        "'",
        "\"",
        "\\",
        "$1",
        "?1",
        "{}",
        "[]",
        "null",
        "\u{1}\u{7f}\u{85}",
        "\u{202e}x",
        "\u{feff}",
    ];
    let odd = odd.into_iter().chain([
        "\u{fffe}",
        "\u{10ffff}",
        "👩‍👩‍👧",
        "ﷺ",
        "İ",
        "\r\n",
        "\u{2028}",
        "\\u0000",
        "+14155550132",
    ]);
    prop_oneof![
        proptest::sample::select(odd.collect::<Vec<_>>()).prop_map(str::to_owned),
        "\\PC{0,40}",
        any::<String>()
    ]
}

fn number() -> impl Strategy<Value = Value> {
    let float = any::<f64>().prop_filter_map("is JSON", Number::from_f64).prop_map(Value::Number);
    let odd = [0.1, -0.0, 5e-324, 1e-300, 1.797e308, 1e15, 123_456_789.123_456_79];
    let odd = proptest::sample::select(odd.to_vec()).prop_filter_map("is JSON", Number::from_f64);
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        float,
        odd.prop_map(Value::Number)
    ]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number(),
        text().prop_map(Value::String)
    ];
    leaf.prop_recursive(5, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            object(inner).prop_map(Value::Object),
        ]
    })
}

fn object(values: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::btree_map(text(), values, 0..5).prop_map(|map| map.into_iter().collect())
}

fn patch<T: Clone + std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Patch<T>> {
    prop_oneof![Just(Patch::Absent), Just(Patch::Null), value.prop_map(Patch::Value)]
}

fn fields() -> impl Strategy<Value = Fields> {
    let texts = prop::collection::btree_map(
        proptest::sample::select(TextField::ALL.to_vec()),
        prop::option::of(text()),
        0..6,
    );
    let phone = prop_oneof![text(), "\\+1415555[0-9]{4}", "[0-9 ()+-]{5,20}"];
    let email = prop_oneof![text(), "[a-zA-Z]{1,9}@[a-z]{1,9}\\.(com|de)"];
    let consent = (prop::option::of(text()), prop::option::of(text()), object(json())).prop_map(
        |(at, version, more)| Consent {
            consent_timestamp: at,
            consent_text_version: version,
            more,
            ..Consent::default()
        },
    );
    let documents = (object(json()), patch(object(json())), patch(json()), patch(json()));
    (
        patch(phone),
        patch(email),
        texts,
        prop::collection::vec(text(), 0..5),
        patch(consent),
        documents,
        any::<bool>(),
    )
        .prop_map(
            |(
                phone,
                email,
                texts,
                tags,
                consent,
                (custom_fields, attribution, automations, user_assignments),
                opt_out,
            )| Fields {
                phone,
                email,
                texts: texts.into_iter().collect(),
                tags,
                consent,
                custom_fields,
                attribution,
                automations,
                user_assignments,
                opt_out,
                ..Fields::default()
            },
        )
}

/// The format of the body, its query, and a fault of its mapping.
fn mapped() -> impl Strategy<Value = (BodyFormat, Option<String>, Option<MappingFault>)> {
    let media =
        prop_oneof![Just(BodyFormat::Json), Just(BodyFormat::Form), text().prop_map(BodyFormat::Multipart)];
    let fault = text().prop_map(|to| MappingFault { to, code: MappingFaultCode::NotOneValue });
    (media, prop::option::of(text()), prop::option::weighted(0.1, fault))
}

async fn every_valid_submission_is_stored_unchanged(world: World) {
    let mut runner = TestRunner::deterministic();
    let agent = prop::option::of(text());
    let strategy = (fields(), any::<Vec<u8>>(), object(json()), agent, mapped());
    let mut submissions: Vec<Submission> = Vec::new();
    while submissions.len() < SUBMISSIONS {
        let (fields, body, unknown, agent, (media, query, fault)) =
            strategy.new_tree(&mut runner).unwrap().current();
        let mut submission = world.submission(fields);
        submission.raw = RawBody::new(&body);
        // The prefix makes the names unknown, as if a newer build had added them.
        submission.unknown = unknown.into_iter().map(|(name, value)| (format!("x_{name}"), value)).collect();
        submission.client.user_agent = agent;
        (submission.media, submission.query, submission.mapping_fault) = (media, query, fault);
        if validate::submission(&submission) {
            submissions.push(submission);
        }
    }
    for batch in submissions.chunks(80) {
        let committed = world.commit(batch).await;
        let quarantined =
            committed.settled.iter().filter(|settled| settled.outcome == Outcome::Quarantined).count();
        assert_eq!(quarantined, batch.iter().filter(|submission| submission.mapping_fault.is_some()).count());
    }
    for submission in submissions {
        let record = world.store.submission(world.organization.id, submission.id).await.unwrap().unwrap();
        assert_eq!(rounded(&record.submission), rounded(&submission));
        world.store.find(world.organization.id, submission.id.as_uuid()).await.unwrap().unwrap();
    }
}

/// The submission as JSON, with numbers rounded to 14 digits: PostgreSQL writes 1e15 as 1000000000000000 and -0.0 as
/// 0.0, and the last digit of a parsed float may differ.
fn rounded(submission: &Submission) -> Value {
    fn round(value: &mut Value) {
        match value {
            Value::Number(number) => {
                *value = Value::String(format!("{:.13e}", number.as_f64().unwrap() + 0.0))
            }
            Value::Array(items) => items.iter_mut().for_each(round),
            Value::Object(items) => items.values_mut().for_each(round),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(submission).unwrap();
    round(&mut value);
    value
}
