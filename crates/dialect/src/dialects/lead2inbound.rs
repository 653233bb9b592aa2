//! lead2inbound: `POST /v1/leads` (<https://docs.lead2inbound.com/quickstart>).

use std::sync::LazyLock;

use leadgate_domain::{
    ClaimKind, Dialect, DuplicatePolicy, IdentityKey, IdentityRule, Lead, LeadId, Outcome, Rate,
    SourceDefaults, SubmissionId, TextField,
};
use serde::Serialize;

use super::native::{self, LeadResponse};
use crate::field_reader::FieldReader;
use crate::name_index::{
    COMMON_NAMES, CONTACT_SYNONYMS, FieldRules, NATIVE_NAMES, NameIndex, Slot, SlotNames,
};
use crate::problem::render_flat_problem;
use crate::protocol::{DefaultLimit, LimitScope, Protocol};
use crate::response::{
    DialectResponse, PostedLead, SourceNameLookup, SubmissionOutcome, render_queued, submission_status,
};

const DOCUMENTED_NAMES: SlotNames =
    &[(Slot::Phone, &["phone"]), (Slot::Text(TextField::State), &["state"]), (Slot::Consent, &["consent"])];

/// The system mentions "ad-source attribution" without field names. These are the names that ad platforms
/// use.
const AD_ATTRIBUTION_NAMES: SlotNames = &[
    (Slot::AttributionPart, &["ad_source"]),
    (Slot::AttributionPart, &["ad_platform"]),
    (Slot::AttributionPart, &["ad_id"]),
    (Slot::AttributionPart, &["ad_name"]),
    (Slot::AttributionPart, &["adset_id", "ad_set_id"]),
    (Slot::AttributionPart, &["adset_name", "ad_set_name"]),
    (Slot::AttributionPart, &["adgroup_id", "ad_group_id"]),
    (Slot::AttributionPart, &["campaign_id"]),
    (Slot::AttributionPart, &["campaign_name"]),
    (Slot::AttributionPart, &["creative_id"]),
    (Slot::AttributionPart, &["form_id"]),
    (Slot::AttributionPart, &["keyword"]),
    (Slot::AttributionPart, &["placement"]),
    (Slot::AttributionPart, &["click_id"]),
];

static NAME_INDEX: LazyLock<NameIndex> = LazyLock::new(|| {
    NameIndex::new(FieldRules::new(
        DOCUMENTED_NAMES,
        &[NATIVE_NAMES, CONTACT_SYNONYMS, COMMON_NAMES, AD_ATTRIBUTION_NAMES],
    ))
});

pub(crate) static PROTOCOL: Protocol = Protocol {
    source_defaults: SourceDefaults {
        dialect: Dialect::Lead2inbound,
        identity_rule: IdentityRule::AnyOf,
        identity: &[IdentityKey::with_window_days(ClaimKind::Phone, 30)],
        policy: DuplicatePolicy::ReturnExisting,
        // The vendor documents ten-digit US numbers. The other systems document no country, and a wrong
        // guess would produce wrong phone numbers.
        region: Some("US"),
        has_campaign: false,
    },
    default_limit: DefaultLimit { counted_by: LimitScope::Key, rate: Rate::per_minute(120) },
    // The native dialect already has the path `/v1/leads`.
    intake_paths: &[],
    waits_for_outcome: true,
    reads_query: false,
    refuses_empty_document: false,
    sends_rate_limit_reset: true,
    name_index: &NAME_INDEX,
    check_fields,
    render_accepted: |posted| render_queued(posted).with_location(),
    render_accepted_for_public: |posted| render_queued(posted).with_location(),
    render_outcome,
    render_problem: render_flat_problem,
    render_leads_page,
};

fn check_fields(reader: &mut FieldReader<'_>) {
    if !reader.was_attempted(Slot::Phone) {
        reader.add_fault("/phone", "missing", "a phone is required");
    }
}

#[derive(Serialize)]
struct LeadOutcomeBody {
    outcome: Outcome,
    lead_id: LeadId,
    status: &'static str,
}

#[derive(Serialize)]
struct NoLeadBody {
    outcome: Outcome,
    id: SubmissionId,
    status: &'static str,
}

/// The response for a duplicate has the id of the existing lead. The vendor documents this body without an
/// HTTP status; Leadgate answers 200.
fn render_outcome(submission: &SubmissionOutcome<'_>) -> DialectResponse {
    let SubmissionOutcome { posted: PostedLead { id, .. }, outcome, .. } = *submission;
    let response = match submission.lead {
        Some(lead) => {
            let body = LeadOutcomeBody { outcome, lead_id: lead.id, status: "new" };
            DialectResponse::json(submission.http_status(), &body)
        }
        None => {
            let body = NoLeadBody { outcome, id, status: submission_status(outcome) };
            DialectResponse::json(submission.http_status(), &body)
        }
    };
    response.with_location()
}

#[derive(Serialize)]
struct LeadListBody<'l> {
    data: Vec<LeadListItem<'l>>,
    next: Option<&'l str>,
}

#[derive(Serialize)]
struct LeadListItem<'l> {
    lead_id: LeadId,
    #[serde(flatten)]
    lead: LeadResponse<'l>,
}

/// The vendor documents only that the newest lead is first. The body is that of the native dialect; the id is
/// in `id` and in `lead_id`.
fn render_leads_page(leads: &[Lead], next: Option<&str>, sources: SourceNameLookup<'_>) -> DialectResponse {
    let data = leads
        .iter()
        .map(|lead| LeadListItem { lead_id: lead.id, lead: native::listed_lead_response(lead, sources) });
    DialectResponse::json(200, &LeadListBody { data: data.collect(), next })
}
