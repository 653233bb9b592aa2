//! KickoffLabs: the URL that `POST /v2/{campaign}/inbound-webhook` returns
//! (<https://support.kickofflabs.com/developer>).

mod lead;
mod outbound_webhook;

use std::sync::LazyLock;

use leadgate_domain::{
    ClaimKind, Dialect, DuplicatePolicy, IdentityKey, IdentityRule, Patch, Phone, PhoneProblem,
    QuarantineReason, Rate, SourceDefaults, SubmissionId, TextField,
};
use serde::Serialize;

use super::native;
use crate::field_reader::FieldReader;
use crate::name_index::{
    COMMON_NAMES, CONTACT_SYNONYMS, FieldRules, NATIVE_NAMES, NameIndex, Slot, SlotNames,
};
use crate::problem::{Problem, render_flat_problem, render_flat_problem_with};
use crate::protocol::{
    CredentialLocation, DefaultLimit, IntakeParameters, IntakePath, LimitScope, Protocol, SourceSelection,
};
use crate::response::{DialectResponse, Disclosure, PostedLead, SubmissionOutcome, render_queued};
pub(crate) use lead::LeadPayload;
pub use outbound_webhook::{
    OutboundWebhook, read_url, render_outbound_webhook, render_outbound_webhook_deleted,
};

const DOCUMENTED_NAMES: SlotNames = &[
    (Slot::Email, &["email"]),
    (Slot::Phone, &["phone_number"]),
    (Slot::Text(TextField::FirstName), &["first_name"]),
    (Slot::Tags, &["tags"]),
];

/// The origin of a signup, and members that must not be stored. An invalid value here does not refuse a
/// signup.
const CONTROL_NAMES: SlotNames = &[
    (Slot::Text(TextField::Source), &["source", "__source"]),
    (Slot::Text(TextField::PageUrl), &["__url"]),
    (Slot::MustExist, &["must_exist"]),
    (Slot::AttributionPart, &["referrer", "__referrer", "__ref"]),
    (Slot::AttributionPart, &["ip"]),
    (Slot::AttributionPart, &["__rid"]),
    (Slot::AttributionPart, &["__sid", "__session_id"]),
    (Slot::AttributionPart, &["__uid"]),
    (Slot::Discarded, &["api_key", "authorization", "authentication"]),
    (Slot::Discarded, &["campaign_id", "campaignId", "list_id", "__lid", "landing_page", "landing_page_id"]),
    (Slot::Discarded, &["controller", "action"]),
];

static NAME_INDEX: LazyLock<NameIndex> = LazyLock::new(|| {
    let rules =
        FieldRules::new(DOCUMENTED_NAMES, &[CONTROL_NAMES, NATIVE_NAMES, CONTACT_SYNONYMS, COMMON_NAMES]);
    NameIndex::new(FieldRules { slot_by_pattern: landing_page_slot, lowercases_custom_names: true, ..rules })
});

pub(crate) static PROTOCOL: Protocol = Protocol {
    source_defaults: SourceDefaults {
        dialect: Dialect::KickoffLabs,
        identity_rule: IdentityRule::AnyOf,
        identity: &[
            IdentityKey::without_window(ClaimKind::Email),
            IdentityKey::without_window(ClaimKind::Phone),
        ],
        policy: DuplicatePolicy::Update,
        region: None,
        has_campaign: true,
    },
    // The vendor documents no limit.
    default_limit: DefaultLimit { counted_by: LimitScope::Source, rate: Rate::per_minute(1_200) },
    intake_paths: &[
        // The URL that clients receive.
        CAMPAIGN_TOKEN,
        path_for_key("/v2/{campaign}"),
        path_for_key("/v2/{campaign}/"),
    ],
    waits_for_outcome: true,
    reads_query: true,
    refuses_empty_document: false,
    sends_rate_limit_reset: true,
    name_index: &NAME_INDEX,
    check_fields,
    render_accepted: render_queued,
    render_accepted_for_public,
    render_outcome,
    render_problem,
    render_leads_page: native::render_leads_page,
};

const CAMPAIGN_TOKEN: IntakePath = IntakePath {
    source: SourceSelection::Campaign,
    parameters: IntakeParameters::Fields,
    ..IntakePath::for_token("/v2/{campaign}/inbound-webhook/{token}")
};

/// A path for clients with a key, which may be in the query or the body.
const fn path_for_key(path: &'static str) -> IntakePath {
    IntakePath {
        source: SourceSelection::Campaign,
        credential: CredentialLocation::HeadersQueryOrBody,
        parameters: IntakeParameters::Fields,
        ..IntakePath::for_dialect(path, Dialect::KickoffLabs)
    }
}

/// The path where a client with a key creates a URL for leads. A token is refused here, so that a leaked URL
/// cannot create others.
pub const CREATE_WEBHOOK: IntakePath =
    IntakePath { allows_public_credentials: false, ..path_for_key("/v2/{campaign}/inbound-webhook") };

/// The path where a client with a key creates and deletes endpoints for the events of its campaign.
pub const OUTBOUND_WEBHOOK: IntakePath =
    IntakePath { allows_public_credentials: false, ..path_for_key("/v2/{campaign}/outbound-webhook") };

/// Members with the prefix `landing_page_` describe the origin of a signup. They are not custom fields.
fn landing_page_slot(name: &str) -> Option<Slot> {
    let start = name.get(.."landing_page_".len())?;
    start.eq_ignore_ascii_case("landing_page_").then_some(Slot::AttributionPart)
}

/// Instructions to KickoffLabs that Leadgate does not follow. They are stored as custom fields, but not shown
/// in responses.
const COMMANDS: [&str; 5] =
    ["__skip_urls", "__skip_actions", "__do_not_reset_opt_out", "redirect_url", "points"];

/// Requires an email or a phone. If there is only a phone, it must look like one: the vendor documents that
/// an invalid phone "fails validation". An unassigned number is accepted. So is a number without a country
/// code, because the source may have a region.
fn check_fields(reader: &mut FieldReader<'_>) {
    if reader.was_attempted(Slot::Email) {
        return;
    }
    if !reader.was_attempted(Slot::Phone) {
        reader.add_fault("", "contact_missing", "an email or a phone_number is required");
        return;
    }
    let Patch::Value(phone) = &reader.fields.phone else { return };
    let has_digits = phone.chars().any(|c| c.is_numeric());
    match Phone::parse(phone, reader.fields.phone_country) {
        Ok(_) | Err(PhoneProblem::NotAssigned | PhoneProblem::Ambiguous | PhoneProblem::RepeatedDigit) => {}
        Err(PhoneProblem::NoRegion) if has_digits => {}
        // Words that forbid calls count even if the number needs the region of the source.
        Err(_) if has_digits && reader.fields.opt_out => {}
        Err(_) => reader.add_fault("/phone_number", "not_a_phone", "a phone number is expected"),
    }
}

#[derive(Serialize)]
struct NoMatchBody {
    error: &'static str,
    code: QuarantineReason,
    id: SubmissionId,
}

/// 201 with a new lead, 200 with an existing one. The vendor documents 400 for "no match": nothing was
/// changed.
fn render_outcome(submission: &SubmissionOutcome<'_>) -> DialectResponse {
    if submission.quarantine == Some(QuarantineReason::NoMatch) {
        let (code, id) = (QuarantineReason::NoMatch, submission.posted.id);
        return DialectResponse::json(400, &NoMatchBody { error: "No matching lead was found.", code, id });
    }
    let posted = &submission.posted;
    match (submission.lead, submission.disclosure) {
        (Some(lead), Disclosure::Lead) => DialectResponse::json(
            submission.http_status(),
            &LeadPayload::from_lead(lead, posted.source.campaign.as_deref()),
        ),
        (Some(lead), Disclosure::Outcome) => {
            DialectResponse::json(submission.http_status(), &LeadPayload::from_posted(posted, lead.id))
        }
        (None, _) => submission.render_without_lead(),
    }
}

/// The response for a new lead, with the values and the id of the submission.
fn render_accepted_for_public(posted: &PostedLead<'_>) -> DialectResponse {
    DialectResponse::json(201, &LeadPayload::from_posted(posted, posted.id.into()))
}

#[derive(Serialize)]
struct WebhookCreated<'u> {
    message: &'static str,
    url: &'u str,
}

/// The response of `POST /v2/{campaign}/inbound-webhook`. The vendor documents 200 as "done", and 201 only
/// for leads.
pub fn render_webhook_created(url: &str) -> DialectResponse {
    DialectResponse::json(200, &WebhookCreated { message: "Inbound Webhook Created", url })
}

/// The vendor documents 400, 404 and 409 for errors, and a fixed text for an invalid key.
fn render_problem(problem: &Problem<'_>) -> DialectResponse {
    match problem.status {
        401 => render_flat_problem_with(401, "Invalid API Access", problem),
        422 => render_flat_problem_with(400, &problem.detail, problem),
        _ => render_flat_problem(problem),
    }
}
