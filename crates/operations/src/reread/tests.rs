use leadgate_domain::key::PresentedKey;
use leadgate_domain::mapping::{ActiveMapping, MappingFaultCode};
use leadgate_domain::secret::{MatchKey, RootSecret};
use leadgate_domain::{
    Dialect, KeyKind, OrganizationId, Patch, QuarantineRelease, RawBody, SubmissionId, TextField, Timestamp,
};
use serde_json::{Value, json};

use super::*;

const BODY: &str = r#"{"tel":"+1 650 253 0000","wer":"Ann","Mehr":1}"#;

fn source(mapping: Option<(u32, Value)>) -> Arc<Source> {
    let source = Source::new(
        OrganizationId::generate(),
        &leadgate_dialect::protocol(Dialect::Native).source_defaults,
        None,
        Timestamp::now(),
    );
    let active = |(version, rules)| {
        let mapping = serde_json::from_value(json!({ "rules": rules })).unwrap();
        Arc::new(ActiveMapping { version, mapping })
    };
    Arc::new(Source { mapping: mapping.map(active), revision: 9, ..source })
}

/// A submission that was quarantined because version 1 of the mapping failed, and that is released now.
fn released(source: &Source, body: &str) -> Submission {
    let id = SubmissionId::from_uuid(OrganizationId::generate().as_uuid());
    let mut submission = Submission::new(id, source, Timestamp::now(), Fields::default(), body.as_bytes());
    submission.mapping_version = Some(1);
    submission.mapping_fault = Some(MappingFault { to: "phone".into(), code: MappingFaultCode::Missing });
    submission.release = Some(QuarantineRelease { entry: id.as_uuid(), released_at: Timestamp::now() });
    submission
}

fn normalize_again(submission: Submission, source: &Arc<Source>) -> NormalizedSubmission {
    let pipeline = Pipeline::new(MatchKey::new([0x55; 32]));
    normalize(submission, Arc::clone(source), None, ActiveScoring::standard(), &pipeline)
}

fn rules() -> Value {
    json!([{"to": "phone", "from": ["tel"], "required": true}, {"to": "full_name", "from": ["wer"]}])
}

fn quarantined(normalized: &NormalizedSubmission) -> Option<QuarantineReason> {
    match normalized.action {
        CommitAction::Quarantine(reason) => Some(reason),
        CommitAction::Judge { .. } => None,
    }
}

#[test]
fn a_fixed_mapping_reads_the_original_body() {
    let source = source(Some((2, rules())));
    let submission = released(&source, BODY);
    assert!(needs_reread(&submission, &source));
    let normalized = normalize_again(submission.clone(), &source);
    let CommitAction::Judge { reading, .. } = &normalized.action else { panic!("{normalized:?}") };
    assert_eq!(reading.phone.value().unwrap().e164.as_deref(), Some("+16502530000"));
    let read = &normalized.submission;
    assert_eq!(read.fields.text(TextField::FullName), Some("Ann"));
    assert_eq!(read.fields.custom_fields["Mehr"], 1, "a field without a rule is kept");
    assert_eq!((read.mapping_version, read.source_revision, &read.mapping_fault), (Some(2), 9, &None));
    assert_eq!((&read.raw, read.body_hash), (&submission.raw, submission.body_hash));
    assert_eq!(json!(normalized.trace)["reread"]["mapping_version"], 2);
}

#[test]
fn a_mapping_that_still_fails_quarantines_with_the_current_fault() {
    let source = source(Some((2, json!([{"to": "email", "from": ["mail"], "required": true}]))));
    let normalized = normalize_again(released(&source, BODY), &source);
    assert_eq!(quarantined(&normalized), Some(QuarantineReason::MappingFailed));
    let fault = normalized.submission.mapping_fault.unwrap();
    assert_eq!((fault.to.as_str(), fault.code), ("email", MappingFaultCode::Missing));
}

#[test]
fn other_faults_are_invalid_and_the_trace_contains_no_value() {
    let source = source(Some((2, rules())));
    let bodies = ["", "[]", "not json", r#"{"tel":"+1 650 253 0000","tags":7}"#, r#"{"tel":["secret"]}"#];
    for body in bodies {
        let normalized = normalize_again(released(&source, body), &source);
        assert_eq!(quarantined(&normalized), Some(QuarantineReason::Invalid), "{body}");
        let trace = serde_json::to_string(&normalized.trace).unwrap();
        assert!(trace.contains("code") && !trace.contains("secret") && !trace.contains("650"), "{trace}");
    }
    let mut tampered = released(&source, BODY);
    tampered.raw = RawBody::Base64("no base64!".into());
    assert_eq!(quarantined(&normalize_again(tampered, &source)), Some(QuarantineReason::Invalid));
}

#[test]
fn without_a_mapping_the_dialect_reads_the_body() {
    let source = source(None);
    let normalized = normalize_again(released(&source, r#"{"phone":"+1 650 253 0000"}"#), &source);
    assert_eq!(normalized.submission.fields.phone, Patch::Value("+1 650 253 0000".into()));
    assert_eq!((normalized.submission.mapping_version, quarantined(&normalized)), (None, None));
}

#[test]
fn the_defaults_of_the_credential_still_apply() {
    let source = source(Some((2, rules())));
    let (presented, _) = PresentedKey::generate(KeyKind::Token);
    let pepper = RootSecret::new(&"s".repeat(32), None).unwrap().api_keys();
    let key = ApiKey::new(&presented, source.organization, source.id, Vec::new(), &pepper);
    let key = ApiKey { tags: vec!["fair".into()], ..key };
    let mut submission = released(&source, BODY);
    submission.fields.is_test = true;
    let pipeline = Pipeline::new(MatchKey::new([0x55; 32]));
    let normalized = normalize(submission, source, Some(&key), ActiveScoring::standard(), &pipeline);
    assert_eq!((normalized.submission.fields.is_test, normalized.submission.fields.tags), (true, key.tags));
}

#[test]
fn only_a_submission_with_another_mapping_is_read_again() {
    let with = |version| source(Some((version, rules())));
    let mapped = |by: &Source, version| Submission {
        mapping_fault: None,
        mapping_version: version,
        ..released(by, BODY)
    };
    let (none, first) = (source(None), with(1));
    assert!(needs_reread(&mapped(&first, None), &first));
    assert!(needs_reread(&mapped(&first, Some(7)), &first));
    assert!(!needs_reread(&mapped(&first, Some(1)), &first));
    assert!(needs_reread(&mapped(&none, Some(1)), &none), "the mapping was removed");
    assert!(!needs_reread(&mapped(&none, None), &none));
    let foreign = Submission { organization: OrganizationId::generate(), ..mapped(&first, None) };
    assert!(!needs_reread(&foreign, &first), "the source belongs to another organization");
    let posted = Submission { release: None, ..released(&first, BODY) };
    assert!(!needs_reread(&posted, &first), "the gateway has mapped it");
}
