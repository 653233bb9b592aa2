//! AskAd.ai: `POST /api/v1/leads/inbound` and `…/capture` (<https://askad.ai/docs/api>).

use std::collections::BTreeSet;
use std::sync::LazyLock;

use leadgate_domain::{
    ClaimKind, Dialect, DuplicatePolicy, IdentityKey, IdentityRule, Lead, LeadId, Outcome, Rate,
    SourceDefaults, TextField, Timestamp,
};
use serde::Serialize;
use serde_json::{Map, Value};

use super::native;
use crate::name_index::{
    COMMON_NAMES, CONTACT_SYNONYMS, FieldRules, NATIVE_NAMES, NameIndex, Slot, SlotNames,
};
use crate::problem::render_flat_problem;
use crate::protocol::{DefaultLimit, IntakePath, LimitScope, Protocol};
use crate::response::{DialectResponse, PostedLead, SubmissionOutcome, render_queued};

/// `page_url` is documented too. It is not listed here, so that a lead with a long URL is not refused.
const DOCUMENTED_NAMES: SlotNames = &[
    (Slot::Text(TextField::FullName), &["name"]),
    (Slot::Email, &["email"]),
    (Slot::Phone, &["phone"]),
    (Slot::CustomFields, &["metadata"]),
];

static NAME_INDEX: LazyLock<NameIndex> = LazyLock::new(|| {
    NameIndex::new(FieldRules::new(DOCUMENTED_NAMES, &[NATIVE_NAMES, CONTACT_SYNONYMS, COMMON_NAMES]))
});

pub(crate) static PROTOCOL: Protocol = Protocol {
    source_defaults: SourceDefaults {
        dialect: Dialect::AskAd,
        identity_rule: IdentityRule::AnyOf,
        identity: &[
            IdentityKey::with_window_days(ClaimKind::Email, 30),
            IdentityKey::with_window_days(ClaimKind::Phone, 30),
        ],
        policy: DuplicatePolicy::ReturnExisting,
        region: None,
        has_campaign: false,
    },
    default_limit: DefaultLimit { counted_by: LimitScope::Key, rate: Rate::per_minute(100) },
    intake_paths: &[
        // For servers.
        IntakePath {
            allows_public_credentials: false,
            ..IntakePath::for_dialect("/api/v1/leads/inbound", Dialect::AskAd)
        },
        // For web forms.
        IntakePath::for_dialect("/api/v1/leads/capture", Dialect::AskAd),
    ],
    waits_for_outcome: true,
    reads_query: false,
    refuses_empty_document: true,
    sends_rate_limit_reset: true,
    name_index: &NAME_INDEX,
    check_fields: |_| {},
    render_accepted: render_queued,
    render_accepted_for_public,
    render_outcome,
    render_problem: render_flat_problem,
    render_leads_page: native::render_leads_page,
};

#[derive(Serialize)]
struct CreatedBody {
    id: LeadId,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
}

/// `created` is the only documented status, and clients may require it. For an existing lead the HTTP status
/// is 200, and `outcome` has the outcome.
fn render_outcome(submission: &SubmissionOutcome<'_>) -> DialectResponse {
    let Some(lead) = submission.lead else { return submission.render_without_lead() };
    let outcome = Some(submission.outcome).filter(|outcome| *outcome != Outcome::Created);
    DialectResponse::json(submission.http_status(), &CreatedBody { id: lead.id, status: "created", outcome })
}

/// The response for a new lead, with the id of the submission.
fn render_accepted_for_public(posted: &PostedLead<'_>) -> DialectResponse {
    DialectResponse::json(201, &CreatedBody { id: posted.id.into(), status: "created", outcome: None })
}

/// The position of a page in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// From 1.
    pub page: u32,
    pub limit: u32,
    /// The number of items on all pages.
    pub total: u64,
}

#[derive(Serialize)]
struct ContactListBody<T> {
    data: Vec<T>,
    page: u32,
    limit: u32,
    total: u64,
}

#[derive(Serialize)]
struct ContactBody<'l> {
    id: LeadId,
    name: Option<&'l str>,
    first_name: Option<&'l str>,
    last_name: Option<&'l str>,
    email: Option<&'l str>,
    phone: Option<&'l str>,
    company: Option<&'l str>,
    source: Option<&'l str>,
    page_url: Option<&'l str>,
    tags: BTreeSet<&'l str>,
    metadata: &'l Map<String, Value>,
    status: &'static str,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl<'l> From<&'l Lead> for ContactBody<'l> {
    fn from(lead: &'l Lead) -> Self {
        Self {
            id: lead.id,
            name: lead.text(TextField::FullName),
            first_name: lead.text(TextField::FirstName),
            last_name: lead.text(TextField::LastName),
            email: lead.email.as_ref().map(|email| email.address.as_deref().unwrap_or(&email.raw)),
            phone: lead.phone.as_ref().map(|phone| phone.e164.as_deref().unwrap_or(&phone.raw)),
            company: lead.text(TextField::Company),
            source: lead.text(TextField::Source),
            page_url: lead.text(TextField::PageUrl),
            tags: lead.all_tags(),
            metadata: &lead.custom_fields,
            status: "new",
            created_at: lead.received_at,
            updated_at: lead.updated_at,
        }
    }
}

/// The response of `GET /api/v1/contacts`. The vendor documents the parameters, but not the body.
pub fn render_contacts_page(leads: &[Lead], paging: Paging) -> DialectResponse {
    render_page(leads.iter().map(ContactBody::from).collect(), paging)
}

/// The response of `GET /api/v1/deals`. Leadgate has no deals, so every page is empty.
pub fn render_deals_page(page: u32, limit: u32) -> DialectResponse {
    render_page(Vec::<()>::new(), Paging { page, limit, total: 0 })
}

fn render_page(data: Vec<impl Serialize>, paging: Paging) -> DialectResponse {
    let Paging { page, limit, total } = paging;
    DialectResponse::json(200, &ContactListBody { data, page, limit, total })
}
