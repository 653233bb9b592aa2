//! KickoffLabs: the URL that `POST /v2/{campaign}/inbound-webhook` gives out
//! (<https://support.kickofflabs.com/developer>).

mod lead;

use std::sync::LazyLock;

use leadgate_domain::{
    ClaimKind, Dialect, DuplicatePolicy, IdentityKey, IdentityRule, Patch, Phone, PhoneProblem,
    QuarantineReason, Rate, SourceDefaults, SubmissionId, TextField,
};
use serde::Serialize;

use super::native;
use crate::field_reader::FieldReader;
use crate::name_index::{Grammar, NATIVE, NameIndex, PEOPLE, SHARED, Slot, SlotNames};
use crate::problem::{Problem, flat, flat_with};
use crate::protocol::{
    CredentialLocation, DefaultLimit, IntakeParameters, IntakePath, LimitScope, Protocol, SourceSelection,
};
use crate::response::{DialectResponse, Disclosure, PostedLead, SubmissionOutcome, queued};
use lead::LeadPayload;

const OWN: SlotNames = &[
    (Slot::Email, &["email"]),
    (Slot::Phone, &["phone_number"]),
    (Slot::Text(TextField::FirstName), &["first_name"]),
    (Slot::Tags, &["tags"]),
];

/// Where a signup came from, and what must not be kept with it. None of this is worth refusing a signup for.
const CONTROLS: SlotNames = &[
    (Slot::Text(TextField::Source), &["source", "__source"]),
    (Slot::Text(TextField::PageUrl), &["__url"]),
    (Slot::UpdateOnly, &["must_exist"]),
    (Slot::AttributionPart, &["referrer", "__referrer", "__ref"]),
    (Slot::AttributionPart, &["ip"]),
    (Slot::AttributionPart, &["__rid"]),
    (Slot::AttributionPart, &["__sid", "__session_id"]),
    (Slot::AttributionPart, &["__uid"]),
    (Slot::Discarded, &["api_key", "authorization", "authentication"]),
    (Slot::Discarded, &["campaign_id", "campaignId", "list_id", "__lid", "landing_page", "landing_page_id"]),
    (Slot::Discarded, &["controller", "action"]),
];

static NAMES: LazyLock<NameIndex> = LazyLock::new(|| {
    let grammar = Grammar::of(OWN, &[CONTROLS, NATIVE, PEOPLE, SHARED]);
    NameIndex::new(Grammar { pattern: of_landing_page, lower_case: true, ..grammar })
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
    // It documents no limit: ours.
    limit: DefaultLimit { counted_by: LimitScope::Source, rate: Rate::per_minute(1_200) },
    intake: &[
        // The URL that its clients are given.
        CAMPAIGN_TOKEN,
        with_key("/v2/{campaign}"),
        with_key("/v2/{campaign}/"),
    ],
    waits_for_outcome: true,
    reads_query: true,
    refuses_empty: false,
    sends_reset: true,
    names: &NAMES,
    require,
    accepted: queued,
    accepted_from_public,
    settled,
    refused,
    leads_page: native::leads_page,
};

const CAMPAIGN_TOKEN: IntakePath = IntakePath {
    source: SourceSelection::Campaign,
    parameters: IntakeParameters::Fields,
    ..IntakePath::token("/v2/{campaign}/inbound-webhook/{token}")
};

/// A path for clients with a key, which may be in the query or the body.
const fn with_key(path: &'static str) -> IntakePath {
    IntakePath {
        source: SourceSelection::Campaign,
        credential: CredentialLocation::HeadersQueryOrBody,
        parameters: IntakeParameters::Fields,
        ..IntakePath::of(path, Dialect::KickoffLabs)
    }
}

/// Where a client with a key asks for a URL that takes leads. A URL that leaked must not make others.
pub const CREATE_WEBHOOK: IntakePath =
    IntakePath { public: false, ..with_key("/v2/{campaign}/inbound-webhook") };

/// No custom fields either, but where somebody came from.
fn of_landing_page(name: &str) -> Option<Slot> {
    let start = name.get(.."landing_page_".len())?;
    start.eq_ignore_ascii_case("landing_page_").then_some(Slot::AttributionPart)
}

/// What a signup asks KickoffLabs to do. Nothing here obeys, so that it is kept like a custom field, but not
/// shown as one.
const COMMANDS: [&str; 5] =
    ["__skip_urls", "__skip_actions", "__do_not_reset_opt_out", "redirect_url", "points"];

/// An email or a phone. A phone alone has to look like one: it "fails validation" there. Whether a numbering
/// plan has it is not asked, nor is one without country code refused, for the source may know its region.
fn require(reading: &mut FieldReader<'_>) {
    if reading.was_attempted(Slot::Email) {
        return;
    }
    if !reading.was_attempted(Slot::Phone) {
        reading.add_fault("", "contact_missing", "an email or a phone_number is required");
        return;
    }
    let Patch::Value(phone) = &reading.fields.phone else { return };
    let digits = phone.chars().any(|c| c.is_numeric());
    match Phone::parse(phone, reading.fields.phone_country) {
        Ok(_) | Err(PhoneProblem::NotAssigned | PhoneProblem::Ambiguous | PhoneProblem::OneDigit) => {}
        Err(PhoneProblem::NoRegion) if digits => {}
        // Words that forbid calls count, also beside a number that only its source's region can read.
        Err(_) if digits && reading.fields.opt_out => {}
        Err(_) => reading.add_fault("/phone_number", "not_a_phone", "a phone number is expected"),
    }
}

#[derive(Serialize)]
struct NoMatchBody {
    error: &'static str,
    code: QuarantineReason,
    id: SubmissionId,
}

/// 201 with the lead, 200 with one that was there. 400 is documented for "no match": nothing was changed.
fn settled(settlement: &SubmissionOutcome<'_>) -> DialectResponse {
    if settlement.quarantine == Some(QuarantineReason::NoMatch) {
        let (code, id) = (QuarantineReason::NoMatch, settlement.posted.id);
        return DialectResponse::json(400, &NoMatchBody { error: "No matching lead was found.", code, id });
    }
    let posted = &settlement.posted;
    match (settlement.lead, settlement.disclosure) {
        (Some(lead), Disclosure::Lead) => {
            DialectResponse::json(settlement.http_status(), &LeadPayload::of(lead, posted.source))
        }
        (Some(lead), Disclosure::Outcome) => {
            DialectResponse::json(settlement.http_status(), &LeadPayload::posted(posted, lead.id))
        }
        (None, _) => settlement.without_lead(),
    }
}

/// As a new lead with the values of the submission, under its id.
fn accepted_from_public(posted: &PostedLead<'_>) -> DialectResponse {
    DialectResponse::json(201, &LeadPayload::posted(posted, posted.id.into()))
}

#[derive(Serialize)]
struct WebhookCreated<'u> {
    message: &'static str,
    url: &'u str,
}

/// The answer to `POST /v2/{campaign}/inbound-webhook`. 200 is what the documentation calls "done"; 201 is only
/// named for leads.
pub fn webhook_created(url: &str) -> DialectResponse {
    DialectResponse::json(200, &WebhookCreated { message: "Inbound Webhook Created", url })
}

/// Of what may be wrong with a request only 400, 404 and 409 are documented; a key that is none has its own words.
fn refused(problem: &Problem<'_>) -> DialectResponse {
    match problem.status {
        401 => flat_with(401, "Invalid API Access", problem),
        422 => flat_with(400, &problem.detail, problem),
        _ => flat(problem),
    }
}
