//! Fixtures: a lead, a source, and responses as text.

use std::collections::BTreeMap;

use leadgate_dialect::{DialectResponse, Disclosure, PostedLead, SubmissionOutcome, protocol};
use leadgate_domain::{
    Dialect, Eligibility, EmailView, FieldVersions, Fields, Lead, LeadStatus, OrganizationId, Outcome,
    PhoneKind, PhoneView, QuarantineReason, Reason, Source, SubmissionId, Temperature, TextField, Timestamp,
    Trust,
};
use serde_json::{Map, Value, json};

pub(crate) const LEAD: &str = "018f4e2a-7b1c-7000-8000-0000000000aa";
pub(crate) const SUBMISSION: &str = "018f4e2a-7b1c-7000-8000-0000000000bb";

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

pub(crate) fn submission() -> SubmissionId {
    SUBMISSION.parse().unwrap()
}

pub(crate) fn lead() -> Lead {
    let at = Timestamp::parse("2025-06-01T12:00:00Z").unwrap();
    let texts = [
        (TextField::FullName, "Ann Lee"),
        (TextField::FirstName, "Ann"),
        (TextField::LastName, "Lee"),
        (TextField::Source, "API"),
        (TextField::PageUrl, "https://example.com/join"),
    ];
    Lead {
        id: LEAD.parse().unwrap(),
        organization: OrganizationId::generate(),
        source: "018f4e2a-7b1c-7000-8000-0000000000cc".parse().unwrap(),
        received_at: at,
        updated_at: at,
        texts: texts.map(|(field, text)| (field, text.to_owned())).into(),
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
            raw: "Ann@Example.com".to_owned(),
            address: Some("Ann@example.com".to_owned()),
            valid: true,
            kind: None,
            reason: None,
        }),
        tags: ["beta".to_owned()].into(),
        consent: None,
        attribution: Some(object(json!({
            "__uid": "u1", "ip": "192.0.2.7", "referrer": "https://fb.com", "utm_source": "fb", "gclid": "g",
        }))),
        custom_fields: object(json!({"shirt size": "XL", "redirect_url": "x", "__skip_urls": "1"})),
        automations: None,
        user_assignments: None,
        opt_out: false,
        is_test: false,
        consent_required: true,
        consent_max_age_seconds: None,
        consent_phone: None,
        status: LeadStatus::default(),
        field_versions: FieldVersions {
            base: (Trust::Secret, at, submission()).into(),
            first: None,
            by_field: BTreeMap::new(),
            custom_fields_dropped_up_to: None,
            public_tags: Default::default(),
        },
        observed: None,
        derived: Default::default(),
        inferred: BTreeMap::new(),
        derived_tags: ["web".to_owned()].into(),
        score: 61,
        temperature: Temperature::Warm,
        eligibility: Eligibility::Held,
        reasons: vec![Reason::ConsentMissing],
        eligible_until: None,
        unknown: Map::new(),
    }
}

/// A lead with almost no values.
pub(crate) fn sparse_lead() -> Lead {
    Lead {
        texts: Default::default(),
        phone: Some(PhoneView {
            raw: "call me".to_owned(),
            e164: None,
            valid: false,
            region: None,
            kind: None,
            extension: None,
            note: None,
            reason: None,
        }),
        email: None,
        attribution: None,
        custom_fields: Map::new(),
        opt_out: true,
        ..lead()
    }
}

pub(crate) fn source(dialect: Dialect) -> Source {
    let source = Source::new(
        OrganizationId::generate(),
        &leadgate_dialect::protocol(dialect).source_defaults,
        None,
        lead().received_at,
    );
    Source { campaign: source.campaign.map(|_| "4711000815".to_owned()), ..source }
}

/// The fields of a submission.
pub(crate) fn fields() -> Fields {
    let document = json!({
        "phone": " (415) 555-0199 ", "phone_country": "US", "email": " bo@example.com ",
        "texts": { "full_name": "Bo Li", "external_id": "crm-7" },
        "attribution": { "__uid": "u2", "ip": "192.0.2.9", "utm_source": "x" },
        "custom_fields": { "color": "red", "redirect_url": "y" }, "tags": ["fair"],
    });
    serde_json::from_value(document).unwrap()
}

pub(crate) fn posted<'s>(fields: &'s Fields, source: &'s Source) -> PostedLead<'s> {
    PostedLead { id: submission(), fields, tags: &fields.tags, source, received_at: source.created_at }
}

/// The response to a client that waited.
pub(crate) fn render_outcome(dialect: Dialect, outcome: Outcome, lead: Option<&Lead>) -> DialectResponse {
    render_outcome_for(Disclosure::Lead, dialect, outcome, lead)
}

pub(crate) fn render_outcome_for(
    disclosure: Disclosure,
    dialect: Dialect,
    outcome: Outcome,
    lead: Option<&Lead>,
) -> DialectResponse {
    let quarantine = (outcome == Outcome::Quarantined).then_some(QuarantineReason::MappingFailed);
    let (fields, source) = (fields(), source(dialect));
    let posted = posted(&fields, &source);
    protocol(dialect).render_outcome(&SubmissionOutcome { posted, outcome, lead, quarantine, disclosure })
}

/// The status, the media type, `Location` if the response has this header, and the body.
pub(crate) fn text(response: &DialectResponse) -> String {
    let location = if response.has_location { " Location" } else { "" };
    let body = std::str::from_utf8(&response.body).unwrap();
    format!("{} {}{location}\n{body}", response.status, response.content_type)
}

/// Several responses, separated by blank lines.
pub(crate) fn texts(responses: impl IntoIterator<Item = DialectResponse>) -> String {
    responses.into_iter().map(|response| text(&response)).collect::<Vec<_>>().join("\n\n")
}
