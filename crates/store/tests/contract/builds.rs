//! Rows of the previous build, which has no values in the newer columns.

use leadgate_domain::mapping::{MappingFault, MappingFaultCode};
use leadgate_domain::{BodyFormat, KeyId, KeyKind, SourceId, Submission, SubmissionId};
use leadgate_store::QuarantineState;

use crate::world::{World, over_both};

over_both!(
    a_key_and_a_source_of_the_previous_build_have_default_values,
    a_submission_of_the_previous_build_is_read_completely,
    a_quarantine_entry_of_the_previous_build_is_open,
);

/// An empty array, and the literal for bytes, in the syntax of the database.
fn dialect(world: &World) -> (&'static str, fn(&str) -> String) {
    match world.config.url.starts_with("sqlite:") {
        true => ("'[]'", |hex| format!("x'{hex}'")),
        false => ("'{}'", |hex| format!("'\\x{hex}'")),
    }
}

async fn a_key_and_a_source_of_the_previous_build_have_default_values(world: World) {
    let (none, _) = dialect(&world);
    let (organization, source) = (world.organization.id, SourceId::generate());
    world
        .sql(&format!(
            "INSERT INTO sources (id, organization, dialect, name, revision, tags, identity_rule, identity, policy,
                                  consent, created_at, generation)
             VALUES ('{source}', '{organization}', 'native', 'old', 3, {none}, 'any_of', '[]', 'update',
                     'required', '2026-01-01T00:00:00.000000Z', 1);
             INSERT INTO api_keys (id, organization, source, scopes, test, hash, created_at, generation)
             VALUES ('abcdefghij', '{organization}', '{source}', {none}, {}, 'h', '2026-01-01T00:00:00.000000Z', 1)",
            if none == "'[]'" { "0" } else { "false" },
        ))
        .await;
    let source = world.store.source(organization, source).await.unwrap().unwrap();
    assert_eq!(
        (source.campaign, source.networks, source.signature, source.mapping),
        (None, vec![], None, None)
    );
    let key = world.store.find_key(&KeyId::parse("abcdefghij").unwrap()).await.unwrap().unwrap();
    assert_eq!((key.kind, key.name, key.label, key.expires_at), (KeyKind::Secret, None, None, None));
    assert!(key.origins.is_empty() && key.tags.is_empty());
}

async fn insert(world: &World, id: SubmissionId, extra: &str) {
    let (_, bytes) = dialect(world);
    let (organization, source) = (world.organization.id, world.source.id);
    world
        .sql(&format!(
            "INSERT INTO submissions (organization, id, source, source_revision, dialect, received_at, fields, raw,
                                      raw_encoding, body_hash, extra)
             VALUES ('{organization}', '{id}', '{source}', 1, 'native', '2026-01-01T00:00:00.000000Z', '{{}}',
                     'a=b', 'text', {}, '{extra}')",
            bytes(&"ab".repeat(32)),
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
    let (_, bytes) = dialect(&world);
    let (organization, id) = (world.organization.id, world.phone("+14155550132").id);
    insert(&world, id, "{}").await;
    world
        .sql(&format!(
            "INSERT INTO quarantine (organization, id, submission, reason, body_hash, quarantined_at)
             VALUES ('{organization}', '{id}', '{id}', 'source_gone', {}, '2026-01-01T00:00:00.000000Z')",
            bytes(&"ab".repeat(32)),
        ))
        .await;
    let (entry, submission) =
        world.store.quarantine_entry(organization, id.as_uuid()).await.unwrap().unwrap();
    assert_eq!((entry.state, entry.settled_at, entry.settled_by), (QuarantineState::Open, None, None));
    assert_eq!((submission.id, entry.source), (id, world.source.id));
}
