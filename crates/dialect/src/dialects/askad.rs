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
use crate::name_index::{Grammar, NATIVE, NameIndex, PEOPLE, SHARED, Slot, SlotNames};
use crate::problem::flat;
use crate::protocol::{DefaultLimit, IntakePath, LimitScope, Protocol};
use crate::response::{DialectResponse, PostedLead, SubmissionOutcome, queued};

/// `page_url` is documented as well, but no lead is refused for a long one: it is read like any of our names.
const OWN: SlotNames = &[
    (Slot::Text(TextField::FullName), &["name"]),
    (Slot::Email, &["email"]),
    (Slot::Phone, &["phone"]),
    (Slot::CustomFields, &["metadata"]),
];

static NAMES: LazyLock<NameIndex> =
    LazyLock::new(|| NameIndex::new(Grammar::of(OWN, &[NATIVE, PEOPLE, SHARED])));

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
    limit: DefaultLimit { counted_by: LimitScope::Key, rate: Rate::per_minute(100) },
    intake: &[
        // For servers.
        IntakePath { public: false, ..IntakePath::of("/api/v1/leads/inbound", Dialect::AskAd) },
        // For web forms.
        IntakePath::of("/api/v1/leads/capture", Dialect::AskAd),
    ],
    waits_for_outcome: true,
    reads_query: false,
    refuses_empty: true,
    sends_reset: true,
    names: &NAMES,
    require: |_| {},
    accepted: queued,
    accepted_from_public,
    settled,
    refused: flat,
    leads_page: native::leads_page,
};

#[derive(Serialize)]
struct CreatedBody {
    id: LeadId,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
}

/// `created` is the only status that is documented, so that clients may insist on it; whether the lead was there
/// before is told by the 200 and beside it.
fn settled(settlement: &SubmissionOutcome<'_>) -> DialectResponse {
    let Some(lead) = settlement.lead else { return settlement.without_lead() };
    let outcome = Some(settlement.outcome).filter(|outcome| *outcome != Outcome::Created);
    DialectResponse::json(settlement.http_status(), &CreatedBody { id: lead.id, status: "created", outcome })
}

/// As a new lead, under the id of the submission.
fn accepted_from_public(posted: &PostedLead<'_>) -> DialectResponse {
    DialectResponse::json(201, &CreatedBody { id: posted.id.into(), status: "created", outcome: None })
}

/// A page of a list, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    pub page: u32,
    pub limit: u32,
    /// How many there are on all pages.
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

impl<'l> ContactBody<'l> {
    fn of(lead: &'l Lead) -> Self {
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

/// `GET /api/v1/contacts`. Parameters are documented, the body is not.
pub fn contacts_page(leads: &[Lead], paging: Paging) -> DialectResponse {
    page(leads.iter().map(ContactBody::of).collect(), paging)
}

/// `GET /api/v1/deals`: there are no deals here, so that every page is empty.
pub fn deals_page(page: u32, limit: u32) -> DialectResponse {
    self::page(Vec::<()>::new(), Paging { page, limit, total: 0 })
}

fn page(data: Vec<impl Serialize>, paging: Paging) -> DialectResponse {
    let Paging { page, limit, total } = paging;
    DialectResponse::json(200, &ContactListBody { data, page, limit, total })
}
