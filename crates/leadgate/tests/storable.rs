//! A worker can store everything that the gateway accepts: arbitrary documents are decoded, processed and
//! stored in both databases.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may panic"
)]

use std::sync::Arc;

use leadgate_dialect::native;
use leadgate_domain::id::SubmissionIdGenerator;
use leadgate_domain::secret::RootSecret;
use leadgate_domain::{ActiveScoring, Dialect, Outcome, Source, Submission, Timestamp, json};
use leadgate_pipeline::Pipeline;
use leadgate_store::{Store, StoreConfig};
use leadgate_testkit::servers::shared;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Number, Value};

/// Texts of kinds that have caused errors in databases.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => any::<String>(),
        1 => "[\\u{1}-\\u{1f}\\u{7f}-\\u{9f}\\u{2028}\\u{202e}\\u{feff}\\u{fffe}\\u{10ffff}]{0,8}",
        1 => "\\+?[0-9 ()-]{0,20}",
        1 => Just("\\".repeat(7) + "\" '; DROP TABLE leads; --"),
        1 => Just("e\u{301}\u{200d}👩‍👩‍👧".to_owned()),
        1 => "[a-z]{1,5}@[a-z]{1,5}\\.com",
        1 => Just("a".repeat(2_000)),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|float| Number::from_f64(float).map_or(Value::Null, Value::Number)),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(text(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A lead with some of the known fields, mostly of the right type, and some unknown ones.
fn document() -> impl Strategy<Value = Vec<u8>> {
    let texts = proptest::sample::subsequence(
        vec![
            "phone",
            "email",
            "full_name",
            "last_name",
            "company",
            "external_id",
            "source",
            "state",
            "page_url",
        ],
        1..9,
    );
    let consent = proptest::collection::btree_map(
        "consent_timestamp|consent_text_version|source_url|xxTrustedFormCertUrl|leadid_token|x",
        text(),
        0..4,
    );
    (
        texts,
        proptest::collection::vec(text(), 9),
        proptest::collection::vec(text(), 0..3),
        consent,
        value(),
        value(),
    )
        .prop_map(|(names, texts, tags, consent, custom, unknown)| {
            let mut map: Map<String, Value> =
                names.into_iter().map(str::to_owned).zip(texts.into_iter().map(Value::from)).collect();
            map.entry("email").or_insert_with(|| "a@b.com".into());
            map.insert("tags".to_owned(), tags.into());
            map.insert("consent".to_owned(), serde_json::to_value(consent).unwrap());
            map.insert("custom_fields".to_owned(), serde_json::json!({ "any": custom }));
            map.insert("attribution".to_owned(), serde_json::json!({ "any": unknown.clone() }));
            map.insert("unknown".to_owned(), unknown);
            Value::Object(map).to_string().into_bytes()
        })
}

struct TestWorker {
    store: Store,
    pipeline: Arc<Pipeline>,
    source: Arc<Source>,
    ids: SubmissionIdGenerator,
}

impl TestWorker {
    async fn with_database(url: &str) -> Self {
        let store = Store::open(
            &StoreConfig::worker(url).with_secret(&RootSecret::new(&"s".repeat(32), None).unwrap()),
        )
        .unwrap();
        store.migrate().await.unwrap();
        let organization = store.ensure_organization("acme").await.unwrap();
        let source = store
            .ensure_default_source(
                organization.id,
                &leadgate_dialect::protocol(Dialect::Native).source_defaults,
            )
            .await
            .unwrap();
        Self {
            pipeline: Arc::new(Pipeline::new(store.match_key().await.unwrap())),
            store,
            source: Arc::new(source),
            ids: SubmissionIdGenerator::new(RootSecret::new(&"s".repeat(32), None).unwrap().ids()),
        }
    }

    /// The submission that the gateway makes of a body, if it accepts the body.
    fn accept(&self, body: &[u8]) -> Option<Submission> {
        let fields = native::decode(&json::parse(body).ok()?).ok()?;
        let now = Timestamp::now();
        let id = self.ids.make(self.source.organization, now);
        Some(Submission::new(id, &self.source, now, fields, body))
    }

    /// Stores the accepted bodies after encoding and decoding them as a message. Returns their number.
    async fn store(&self, bodies: &[Vec<u8>]) -> usize {
        let accepted: Vec<_> = bodies.iter().filter_map(|body| self.accept(body)).collect();
        let items: Vec<_> =
            accepted.iter().map(|submission| serde_json::to_vec(submission).unwrap()).collect();
        let message = leadgate_domain::message::encode_group(&items);
        let received = leadgate_domain::message::decode(&message)
            .expect("an accepted submission is decoded")
            .submissions;
        assert!(received == accepted, "the message preserves submissions");
        let normalize = |submission| {
            self.pipeline.normalize(submission, Some(Arc::clone(&self.source)), ActiveScoring::standard())
        };
        let batch: Vec<_> = received.into_iter().map(normalize).collect();
        let committed =
            self.store.commit(batch, self.pipeline.clone()).await.expect("an accepted submission is stored");
        let quarantined =
            committed.settled.iter().filter(|settled| settled.outcome == Outcome::Quarantined).count();
        assert_eq!((committed.settled.len(), quarantined), (accepted.len(), 0));
        for settled in &committed.settled {
            let found = self.store.find(settled.organization, settled.submission.as_uuid()).await.unwrap();
            assert!(found.unwrap().lead.is_some(), "a stored submission can be read");
        }
        accepted.len()
    }
}

fn everything_accepted_is_stored(runtime: &tokio::runtime::Runtime, test_worker: &TestWorker) {
    let mut runner = TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
    let accepted = std::cell::Cell::new(0);
    let bodies = proptest::collection::vec(document(), 12);
    runner
        .run(&bodies, |bodies| {
            accepted.set(accepted.get() + runtime.block_on(test_worker.store(&bodies)));
            Ok(())
        })
        .unwrap();
    println!("{} of {} documents were accepted, and all of them stored", accepted.get(), 48 * 12);
    assert!(accepted.get() > 100, "too few documents were accepted");
}

#[test]
fn everything_accepted_is_stored_in_sqlite() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("store.db").display());
    let test_worker = runtime.block_on(TestWorker::with_database(&url));
    everything_accepted_is_stored(&runtime, &test_worker);
}

#[test]
fn everything_accepted_is_stored_in_postgresql() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let url = runtime.block_on(async { shared().postgres().await.unwrap().database().await.unwrap() });
    let test_worker = runtime.block_on(TestWorker::with_database(&url));
    everything_accepted_is_stored(&runtime, &test_worker);
}
