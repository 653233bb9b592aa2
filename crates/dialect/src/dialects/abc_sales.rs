//! ABC Sales AI: `POST /v1/webhooks/leads` (<https://developers.abcsales.ai>).

mod subscription;

use std::borrow::Cow;
use std::sync::LazyLock;

use leadgate_domain::{
    ClaimKind, Dialect, DuplicatePolicy, IdentityKey, IdentityRule, LeadId, Outcome, Patch, Rate,
    SourceDefaults, SubmissionId, TextField,
};
use serde::Serialize;

use super::native;
use crate::field_reader::FieldReader;
use crate::name_index::{
    COMMON_NAMES, CONTACT_SYNONYMS, FieldRules, NATIVE_NAMES, NameIndex, Slot, SlotNames,
};
use crate::problem::{Problem, render_flat_problem, render_flat_problem_with};
use crate::protocol::{DefaultLimit, IntakePath, LimitScope, Protocol};
use crate::response::{DialectResponse, PostedLead, SubmissionOutcome};

pub use subscription::{
    SubscriptionEvents, SubscriptionRequest, SubscriptionResponse, subscription_events, subscription_response,
};

const DOCUMENTED_NAMES: SlotNames = &[
    (Slot::Text(TextField::FullName), &["name"]),
    (Slot::Email, &["email"]),
    (Slot::Phone, &["phone"]),
    (Slot::Text(TextField::ExternalId), &["id"]),
    (Slot::Text(TextField::LineId), &["naver_line_id"]),
    (Slot::Text(TextField::Source), &["source"]),
    (Slot::Tags, &["tags"]),
    (Slot::Text(TextField::Timezone), &["timezone"]),
    (Slot::Text(TextField::Locale), &["locale"]),
    (Slot::Text(TextField::Currency), &["currency"]),
    (Slot::CustomFields, &["custom_fields"]),
    (Slot::Automations, &["automations"]),
    (Slot::UserAssignments, &["user_assignments"]),
];

static NAME_INDEX: LazyLock<NameIndex> = LazyLock::new(|| {
    NameIndex::new(FieldRules::new(DOCUMENTED_NAMES, &[NATIVE_NAMES, CONTACT_SYNONYMS, COMMON_NAMES]))
});

pub(crate) static PROTOCOL: Protocol = Protocol {
    source_defaults: SourceDefaults {
        dialect: Dialect::AbcSales,
        identity_rule: IdentityRule::FirstOf,
        identity: &[
            IdentityKey::without_window(ClaimKind::ExternalId),
            IdentityKey::without_window(ClaimKind::LineId),
            IdentityKey::with_window_days(ClaimKind::Phone, 30),
        ],
        policy: DuplicatePolicy::Update,
        region: None,
        has_campaign: false,
    },
    default_limit: DefaultLimit { counted_by: LimitScope::Organization, rate: Rate::per_minute(300) },
    intake_paths: &[IntakePath::for_dialect("/v1/webhooks/leads", Dialect::AbcSales)],
    waits_for_outcome: false,
    reads_query: false,
    refuses_empty_document: false,
    sends_rate_limit_reset: false,
    name_index: &NAME_INDEX,
    check_fields,
    render_accepted,
    render_accepted_for_public: render_accepted,
    render_outcome,
    render_problem,
    render_leads_page: native::render_leads_page,
};

/// The minimum and maximum length of a name, in characters.
const NAME_LENGTH: (usize, usize) = (2, 100);
/// The maximum length of a phone and of an id, in characters.
const MAX_LENGTH: usize = 50;

fn check_fields(reader: &mut FieldReader<'_>) {
    let name = reader.fields.text(TextField::FullName).map(|name| name.chars().count());
    match name {
        None if reader.was_attempted(Slot::Text(TextField::FullName)) => {}
        None => reader.add_fault("/name", "missing", "a name is required"),
        Some(length) if length < NAME_LENGTH.0 => {
            reader.add_fault("/name", "too_short", "at least 2 characters are needed");
        }
        Some(length) if length > NAME_LENGTH.1 => {
            reader.add_fault("/name", "too_long", "at most 100 characters are taken");
        }
        Some(_) => {}
    }
    let is_too_long = |text: Option<&str>| text.is_some_and(|text| text.chars().nth(MAX_LENGTH).is_some());
    if let Patch::Value(phone) = &reader.fields.phone
        && is_too_long(Some(phone.trim()))
    {
        reader.add_fault("/phone", "too_long", "at most 50 characters are taken");
    }
    if is_too_long(reader.fields.text(TextField::ExternalId)) {
        reader.add_fault("/id", "too_long", "at most 50 characters are taken");
    }
}

#[derive(Serialize)]
struct AcceptedBody<'e> {
    id: SubmissionId,
    status: &'static str,
    external_id: Cow<'e, str>,
}

/// The vendor documents that the response contains the lead's external id, sent or generated, but not the
/// name of the member. `id` is the id by which Leadgate finds the lead.
fn render_accepted(posted: &PostedLead<'_>) -> DialectResponse {
    let id = posted.id;
    let external_id = posted.external_id().map_or_else(|| id.to_string().into(), Cow::Borrowed);
    DialectResponse::json(202, &AcceptedBody { id, status: "queued", external_id })
}

#[derive(Serialize)]
struct OutcomeBody {
    id: LeadId,
    status: Outcome,
}

/// The vendor documents 201 and 200 for leads that are processed at once, without a body.
fn render_outcome(submission: &SubmissionOutcome<'_>) -> DialectResponse {
    match submission.lead {
        Some(lead) => DialectResponse::json(
            submission.http_status(),
            &OutcomeBody { id: lead.id, status: submission.outcome },
        ),
        None => submission.render_without_lead(),
    }
}

#[derive(Serialize)]
struct RateLimitedBody {
    error: &'static str,
    retry_after: u64,
}

/// The vendor documents an error body for 429 only. Other errors have the same format.
fn render_problem(problem: &Problem<'_>) -> DialectResponse {
    match problem.status {
        429 => {
            let retry_after = problem.retry_after_seconds.unwrap_or(60);
            DialectResponse::json(
                429,
                &RateLimitedBody { error: "Too many requests. Please try again later.", retry_after },
            )
        }
        // The documented status for a refused lead is 400.
        422 => render_flat_problem_with(400, &problem.detail, problem),
        _ => render_flat_problem(problem),
    }
}
