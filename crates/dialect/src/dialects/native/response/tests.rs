use insta::assert_json_snapshot;
use leadgate_domain::{
    EmailKind, FieldVersions, InferenceBasis, LeadStatus, OrganizationId, PhoneKind, PhoneProblem, Source,
    Trust,
};
use serde_json::json;

use super::*;

const ID: &str = "018f4e2a-7b1c-7000-8000-0000000000aa";
const OTHER: &str = "018f4e2a-7b1c-7000-8000-0000000000bb";

fn at() -> Timestamp {
    Timestamp::parse("2025-06-01T12:00:00.000001Z").unwrap()
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn sample() -> Lead {
    Lead {
        id: ID.parse().unwrap(),
        organization: OrganizationId::generate(),
        source: "018f4e2a-7b1c-7000-8000-0000000000cc".parse().unwrap(),
        received_at: at(),
        updated_at: at(),
        texts: [(TextField::FullName, "Ann Lee".to_owned()), (TextField::Source, "spring".to_owned())].into(),
        phone: Some(PhoneView {
            raw: "(415) 555-0132".to_owned(),
            e164: Some("+14155550132".to_owned()),
            valid: true,
            region: "US".parse().ok(),
            kind: Some(PhoneKind::FixedLineOrMobile),
            extension: None,
            note: None,
            reason: None,
        }),
        email: Some(EmailView {
            raw: "ann@example.com".to_owned(),
            address: Some("ann@example.com".to_owned()),
            valid: true,
            kind: Some(EmailKind::Business),
            reason: None,
        }),
        tags: ["web".to_owned()].into(),
        consent: Some(Consent { consent_text_version: Some("v3".to_owned()), ..Consent::default() }),
        attribution: Some(object(json!({"utm_source": "x"}))),
        custom_fields: object(json!({"budget": 5})),
        automations: None,
        user_assignments: None,
        opt_out: false,
        is_test: false,
        consent_required: true,
        consent_max_age_seconds: None,
        consent_phone: None,
        status: LeadStatus::default(),
        field_versions: FieldVersions {
            base: (Trust::Secret, at(), ID.parse().unwrap()).into(),
            first: None,
            by_field: BTreeMap::new(),
            custom_fields_dropped_up_to: None,
            public_tags: Default::default(),
        },
        observed: None,
        derived: [(TextField::FirstName, "Ann".to_owned())].into(),
        inferred: [("state".to_owned(), InferredValue::new("CA", InferenceBasis::PhonePrefix))].into(),
        derived_tags: ["phone_review".to_owned()].into(),
        score: 61,
        temperature: Temperature::Warm,
        eligibility: Eligibility::Held,
        reasons: vec![Reason::ConsentIncomplete],
        eligible_until: None,
        unknown: Map::new(),
    }
}

#[test]
fn an_accepted_submission_is_queued() {
    assert_json_snapshot!(crate::response::SubmissionStatus::queued(ID.parse().unwrap()), @r#"
    {
      "id": "018f4e2a-7b1c-7000-8000-0000000000aa",
      "status": "queued"
    }
    "#);
}

#[test]
fn a_lead_response_names_the_requested_submission() {
    let sample = sample();
    let response =
        lead_response(&sample, OTHER.parse().unwrap(), Outcome::Duplicate, &|_| Some("partner".to_owned()));
    // A comma before a quote starts a new line, so that most members have their own line.
    let response = serde_json::to_string(&response).unwrap().replace(",\"", ",\n\"");
    insta::assert_snapshot!(response, @r#"
    {"id":"018f4e2a-7b1c-7000-8000-0000000000aa",
    "status":"new",
    "eligibility":"held",
    "reasons":["consent_incomplete"],
    "eligible_until":null,
    "score":61,
    "temperature":"warm",
    "full_name":"Ann Lee",
    "first_name":"Ann",
    "last_name":null,
    "company":null,
    "external_id":null,
    "line_id":null,
    "source":"spring",
    "source_id":"018f4e2a-7b1c-7000-8000-0000000000cc",
    "source_name":"partner",
    "tags":["phone_review",
    "web"],
    "state":"CA",
    "timezone":null,
    "locale":null,
    "currency":null,
    "page_url":null,
    "automations":null,
    "user_assignments":null,
    "phone":{"raw":"(415) 555-0132",
    "e164":"+14155550132",
    "valid":true,
    "region":"US",
    "kind":"fixed_line_or_mobile",
    "reason":null},
    "email":{"raw":"ann@example.com",
    "address":"ann@example.com",
    "valid":true,
    "kind":"business",
    "reason":null},
    "consent":{"consent_text_version":"v3"},
    "attribution":{"utm_source":"x"},
    "custom_fields":{"budget":5},
    "inferred":{"first_name":{"value":"Ann",
    "basis":"full_name"},
    "state":{"value":"CA",
    "basis":"phone_prefix"}},
    "received_at":"2025-06-01T12:00:00.000001Z",
    "updated_at":"2025-06-01T12:00:00.000001Z",
    "submission":{"id":"018f4e2a-7b1c-7000-8000-0000000000bb",
    "outcome":"duplicate"}}
    "#);
}

#[test]
fn an_invalid_phone_is_shown_as_submitted() {
    let phone = PhoneView {
        raw: "call me".to_owned(),
        e164: None,
        valid: false,
        region: None,
        kind: None,
        extension: None,
        note: None,
        reason: Some(PhoneProblem::NotANumber),
    };
    let lead = Lead { phone: Some(phone), ..sample() };
    assert_json_snapshot!(listed_lead_response(&lead, &|_| None).phone, @r#"
    {
      "raw": "call me",
      "e164": null,
      "valid": false,
      "region": null,
      "kind": null,
      "reason": "not_a_number"
    }
    "#);
}

#[test]
fn a_quarantined_submission_shows_its_reason() {
    let reason = Some(QuarantineReason::IdempotencyMismatch);
    assert_json_snapshot!(no_lead_response(ID.parse().unwrap(), Outcome::Quarantined, reason), @r#"
    {
      "id": "018f4e2a-7b1c-7000-8000-0000000000aa",
      "status": "quarantined",
      "submission": {
        "id": "018f4e2a-7b1c-7000-8000-0000000000aa",
        "outcome": "quarantined",
        "reason": "idempotency_mismatch"
      }
    }
    "#);
}

#[test]
fn a_page_has_the_cursor_of_the_next_page() {
    assert_json_snapshot!(lead_list_response(&[], None, &|_| None), @r#"
    {
      "data": [],
      "next": null
    }
    "#);
    let page = serde_json::to_value(lead_list_response(&[sample()], Some("after-this"), &|_| None)).unwrap();
    assert_eq!(page["next"], "after-this");
    assert_eq!(page["data"][0]["id"], ID);
    assert_eq!(page["data"][0].get("submission"), None);
}

fn submission() -> Submission {
    let body = br#"{"phone":"+14155550132","company":null}"#;
    let source = Source {
        id: ID.parse().unwrap(),
        ..Source::new(
            OrganizationId::generate(),
            &crate::protocol(Dialect::Native).source_defaults,
            None,
            at(),
        )
    };
    let fields = super::super::decode(&serde_json::from_slice(body).unwrap()).unwrap();
    let client = ClientInfo { address: Some("192.0.2.1".to_owned()), ..ClientInfo::default() };
    Submission { client, ..Submission::new(OTHER.parse().unwrap(), &source, at(), fields, body) }
}

#[test]
fn a_submission_shows_its_content_and_its_outcome() {
    let submission = submission();
    let trace: Trace = serde_json::from_value(json!({"normalize": {"phone": "valid"}})).unwrap();
    let result = OutcomeWithTrace {
        outcome: Outcome::Duplicate,
        lead: ID.parse().ok(),
        quarantine: None,
        erased_at: None,
        decided_at: at(),
        trace: &trace,
        source: None,
    };
    let response = serde_json::to_string_pretty(&submission_response(&submission, result)).unwrap();
    insta::assert_snapshot!(response, @r#"
    {
      "id": "018f4e2a-7b1c-7000-8000-0000000000bb",
      "status": "processed",
      "outcome": "duplicate",
      "lead_id": "018f4e2a-7b1c-7000-8000-0000000000aa",
      "reason": null,
      "dialect": "native",
      "source_id": "018f4e2a-7b1c-7000-8000-0000000000aa",
      "received_at": "2025-06-01T12:00:00.000001Z",
      "decided_at": "2025-06-01T12:00:00.000001Z",
      "client": {
        "address": "192.0.2.1"
      },
      "fields": {
        "phone": "+14155550132",
        "company": null,
        "tags": [],
        "custom_fields": {},
        "opt_out": false,
        "is_test": false
      },
      "raw": {
        "text": "{\"phone\":\"+14155550132\",\"company\":null}"
      },
      "body_hash": "e9a8fd9207f5af557225a152c48eacaf7e040acd6ac8600efae9d86a7facacc1",
      "trace": {
        "normalize": {
          "phone": "valid"
        }
      },
      "explanation": [
        "It was received on 1 June 2025 at 12:00:00 UTC by the default source of the dialect native.",
        "The phone was converted to E.164. The number has a country code.",
        "On 1 June 2025 at 12:00:00 UTC it was recognized as a duplicate of the lead 018f4e2a-7b1c-7000-8000-0000000000aa, which did not change."
      ]
    }
    "#);
}

#[test]
fn the_fields_contain_repairs_and_members_of_a_newer_build() {
    let fields: Fields = serde_json::from_value(json!({
        "tags": ["web"], "must_exist": true, "repairs": ["lost_plus"], "nickname": "Annie"
    }))
    .unwrap();
    assert_json_snapshot!(FieldsResponse::from(&fields), @r#"
    {
      "tags": [
        "web"
      ],
      "custom_fields": {},
      "opt_out": false,
      "is_test": false,
      "must_exist": true,
      "repairs": [
        "lost_plus"
      ],
      "nickname": "Annie"
    }
    "#);
}
