use std::sync::Arc;

use insta::assert_json_snapshot;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::*;
use crate::{
    ClientInfo, Dialect, EmailView, Fields, Outcome, Patch, PhoneView, QuarantineReason, ResolvedOutcome,
    Source, Submission, Trace,
};

fn normalized(consent: Patch<Consent>) -> NormalizedSubmission {
    let organization = OrganizationId::from_uuid(uuid::Uuid::from_u128(1));
    let source = Source {
        id: SourceId::from_uuid(uuid::Uuid::from_u128(2)),
        ..Source::new(
            organization,
            &crate::SourceDefaults::for_tests(Dialect::Native),
            None,
            Timestamp::from_microseconds(0),
        )
    };
    let id = SubmissionId::from_uuid(uuid::Uuid::from_u128(3));
    let at = Timestamp::parse("2026-02-01T00:00:00Z").unwrap();
    let fields = Fields { consent, ..Fields::default() };
    let client = ClientInfo {
        address: Some("192.0.2.1".into()),
        user_agent: Some("Firefox \"1\"".into()),
        key: None,
        ..ClientInfo::default()
    };
    let submission = Submission { client, ..Submission::new(id, &source, at, fields, b"{}") };
    let phone = PhoneView {
        extension: None,
        note: None,
        raw: "(415) 555-0132".into(),
        e164: Some("+14155550132".into()),
        valid: true,
        region: None,
        kind: None,
        reason: None,
    };
    let email =
        EmailView { raw: "ann at home".into(), address: None, valid: false, kind: None, reason: None };
    let reading = NormalizedValues {
        phone: Patch::Value(phone),
        email: Patch::Value(email),
        texts: [(TextField::FullName, Some("Zoë 👩‍🚀".into())), (TextField::FirstName, None)].into(),
        ..NormalizedValues::default()
    };
    let action = CommitAction::Judge {
        source: Arc::new(source),
        scoring: crate::ActiveScoring::standard(),
        reading: Box::new(reading),
    };
    NormalizedSubmission { submission, action, trace: Trace::default() }
}

fn evidence(
    normalized: &NormalizedSubmission,
    quarantine: Option<QuarantineReason>,
) -> Option<ConsentEvidence> {
    let resolved = ResolvedOutcome {
        outcome: Outcome::Created,
        lead: Some(normalized.submission.id.into()),
        quarantine,
    };
    let now = Timestamp::parse("2026-02-01T00:00:01Z").unwrap();
    ConsentEvidence::from_resolved(
        &ResolvedSubmission {
            normalized,
            trace: Trace::default(),
            resolved,
            matched_by_mailbox_only: false,
            opted_out_leads: Vec::new(),
        },
        Salt::parse(&"5a".repeat(32))?,
        now,
    )
}

fn patch(consent: Value) -> Patch<Consent> {
    Patch::Value(serde_json::from_value(consent).unwrap())
}

#[test]
fn personal_data_is_only_in_the_person_document() {
    let evidence = evidence(
        &normalized(patch(json!({
            "consent_timestamp": "2026-01-31T13:00:00+01:00",
            "consent_text_version": "v3",
            "source_url": "https://ann:pw@acme.example/quote?email=ann@acme.example#ann",
            "xxTrustedFormCertUrl": "https://cert.trustedform.com/1a2b?shared_token=x",
            "leadid_token": "not one",
            "z": [1, 18_446_744_073_709_551_615_u64, 0.5, null],
            "a": {"b": "ä\u{1}", "B": true},
        }))),
        None,
    );
    assert_json_snapshot!(evidence, { ".person" => "[person]" }, @r#"
    {
      "organization": "00000000-0000-0000-0000-000000000001",
      "submission": "00000000-0000-0000-0000-000000000003",
      "lead": "00000000-0000-0000-0000-000000000003",
      "source": "00000000-0000-0000-0000-000000000002",
      "received_at": "2026-02-01T00:00:00.000000Z",
      "recorded_at": "2026-02-01T00:00:01.000000Z",
      "consent_timestamp": "2026-01-31T13:00:00+01:00",
      "consented_at": "2026-01-31T12:00:00.000000Z",
      "text_version": "v3",
      "page_url": "https://acme.example/quote",
      "trustedform_certificate": "https://cert.trustedform.com/1a2b",
      "jornaya_leadid": null,
      "salt": "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a",
      "digest": "a91b12e51abd9480889ffdff220088b3f781e5fa9f2150ba9d2cc1dc251c6138",
      "revision": 1,
      "person": "[person]"
    }
    "#);
    let person = evidence.unwrap().person.unwrap();
    assert_eq!(
        person.as_str(),
        concat!(
            r#"{"client_address":"192.0.2.1","consent":{"a":{"B":true,"b":"ä\u0001"},"#,
            r#""consent_text_version":"v3","consent_timestamp":"2026-01-31T13:00:00+01:00","#,
            r#""leadid_token":"not one","#,
            r#""source_url":"https://ann:pw@acme.example/quote?email=ann@acme.example#ann","#,
            r#""xxTrustedFormCertUrl":"https://cert.trustedform.com/1a2b?shared_token=x","#,
            r#""z":[1,18446744073709551615,0.5,null]},"#,
            r#""email":"ann at home","full_name":"Zoë 👩‍🚀","phone":"+14155550132","#,
            r#""user_agent":"Firefox \"1\""}"#,
        ),
        "sorted, complete, and without missing values"
    );
}

#[test]
fn the_digest_covers_the_salt_and_the_person_document() {
    let mut evidence = evidence(&normalized(patch(json!({}))), None).unwrap();
    let mut bytes = vec![0x5a; 32];
    bytes.extend(evidence.person.as_ref().unwrap().as_str().as_bytes());
    assert_eq!(evidence.digest.to_string(), hex::encode(Sha256::digest(&bytes)));
    assert_eq!(evidence.person_matches_digest(), Some(true));
    evidence.person = Some(PersonDocument("{}".to_owned()));
    assert_eq!(evidence.person_matches_digest(), Some(false));
    evidence.person = None;
    assert_eq!(evidence.person_matches_digest(), None);
}

#[test]
fn a_submission_without_consent_or_in_quarantine_has_no_evidence() {
    for consent in [Patch::Absent, Patch::Null] {
        assert_eq!(evidence(&normalized(consent), None), None);
    }
    let quarantined = evidence(&normalized(patch(json!({}))), Some(QuarantineReason::IdempotencyMismatch));
    assert_eq!(quarantined, None);
}

#[test]
fn a_time_that_cannot_be_parsed_is_only_in_the_person_document() {
    let evidence_of_text =
        evidence(&normalized(patch(json!({ "consent_timestamp": "when Ann called" }))), None).unwrap();
    assert_eq!((evidence_of_text.consent_timestamp, evidence_of_text.consented_at), (None, None));
    assert!(evidence_of_text.person.unwrap().as_str().contains("when Ann called"));
}

#[test]
fn the_page_url_contains_no_personal_data() {
    for (url, expected) in [
        ("https://acme.example/quote", Some("https://acme.example/quote")),
        (" https://acme.example?a=1 ", Some("https://acme.example")),
        ("https://u:p@acme.example:8443/a/b/#c?d", Some("https://acme.example:8443/a/b/")),
        ("https://acme.example/thanks/ann@acme.example/x", Some("https://acme.example/thanks")),
        ("https://acme.example/thanks/ann%40acme.example", Some("https://acme.example/thanks")),
        ("acme.example/quote?phone=1", Some("acme.example/quote")),
        ("ann@acme.example", Some("acme.example")),
        ("?x", None),
        ("", None),
    ] {
        assert_eq!(strip_personal_parts(url).as_deref(), expected, "{url}");
    }
}

#[test]
fn the_debug_output_contains_no_personal_data() {
    let evidence = evidence(&normalized(patch(json!({}))), None).unwrap();
    assert!(!format!("{evidence:?}").contains("+1415"));
}
