//! Rows of the previous build, which has no values in the newer columns.

use leadgate_domain::mapping::{MappingFault, MappingFaultCode};
use leadgate_domain::{BodyFormat, Submission, SubmissionId, Timestamp};
use leadgate_store::QuarantineState;

use crate::world::{World, over_both};

over_both!(
    a_submission_of_the_previous_build_is_read_completely,
    a_quarantine_entry_of_the_previous_build_is_open,
);

/// A hash in the syntax of the database.
fn hash(world: &World) -> String {
    let hex = "ab".repeat(32);
    if world.is_sqlite() { format!("x'{hex}'") } else { format!("'\\x{hex}'") }
}

async fn insert(world: &World, id: SubmissionId, extra: &str) {
    let [organization, id, source] =
        [world.organization.id.as_uuid(), id.as_uuid(), world.source.id.as_uuid()]
            .map(|id| world.id_literal(id));
    let (received_at, hash) = (world.time_literal(Timestamp::now()), hash(world));
    world
        .sql(&format!(
            "INSERT INTO submissions (organization, id, source, source_revision, dialect, received_at, trust, fields,
                                      raw, raw_encoding, body_hash, extra)
             VALUES ({organization}, {id}, {source}, 1, 'native', {received_at}, 'secret', '{{}}',
                     'a=b', 'text', {hash}, '{extra}')",
        ))
        .await;
}

async fn a_submission_of_the_previous_build_is_read_completely(world: World) {
    let read =
        async |id| world.store.submission(world.organization.id, id).await.unwrap().unwrap().submission;
    let plain = world.phone("+14155550132").id;
    insert(&world, plain, "{}").await;
    let Submission { media, query, mapping_version, mapping_fault, .. } = read(plain).await;
    assert_eq!((media, query, mapping_version, mapping_fault), (BodyFormat::Json, None, None, None));

    // A newer gateway had posted it, and the older worker had kept the unknown members in `extra`.
    let newer = world.phone("+14155550132").id;
    let extra = r#"{"media":{"multipart":"x"},"query":"a=1","mapping_version":7,"reply_to":"gateway-1",
                    "mapping_fault":{"to":"phone","code":"missing"},"from_tomorrow":[1],
                    "release":{"entry":"018f0000-0000-7000-8000-000000000000","released_at":"2026-01-01T00:00:00Z"}}"#;
    insert(&world, newer, extra).await;
    let read = read(newer).await;
    assert_eq!((read.media, read.query.as_deref()), (BodyFormat::Multipart("x".into()), Some("a=1")));
    let fault = MappingFault { to: "phone".into(), code: MappingFaultCode::Missing };
    assert_eq!((read.mapping_version, read.mapping_fault), (Some(7), Some(fault)));
    assert_eq!((read.reply_to, read.release), (None, None));
    assert_eq!(serde_json::Value::from(read.unknown), serde_json::json!({"from_tomorrow": [1]}));
}

async fn a_quarantine_entry_of_the_previous_build_is_open(world: World) {
    let (organization, id) = (world.organization.id, world.phone("+14155550132").id);
    insert(&world, id, "{}").await;
    let [owner, entry] = [organization.as_uuid(), id.as_uuid()].map(|id| world.id_literal(id));
    let (at, hash) = (world.time_literal(Timestamp::now()), hash(&world));
    world
        .sql(&format!(
            "INSERT INTO quarantine (organization, id, submission, reason, body_hash, quarantined_at)
             VALUES ({owner}, {entry}, {entry}, 'source_gone', {hash}, {at})",
        ))
        .await;
    let (entry, submission) =
        world.store.quarantine_entry(organization, id.as_uuid()).await.unwrap().unwrap();
    assert_eq!((entry.state, entry.settled_at, entry.settled_by), (QuarantineState::Open, None, None));
    assert_eq!((submission.id, entry.source), (id, world.source.id));
}
