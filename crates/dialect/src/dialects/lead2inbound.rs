//! lead2inbound: `POST /v1/leads` (<https://docs.lead2inbound.com/quickstart>).

use std::sync::LazyLock;

use leadgate_domain::{
    ClaimKind, Dialect, IdentityKey, IdentityRule, Lead, LeadId, Outcome, Policy, Rate, SourceDefaults,
    SubmissionId, TextField,
};
use serde::Serialize;

use super::native::{self, LeadAnswer};
use crate::answer::{Answer, PostedLead, Settlement, SourceNames, queued, status};
use crate::names::{Grammar, Index, NATIVE, Names, PEOPLE, SHARED, Slot};
use crate::protocol::{CountedBy, DefaultLimit, Protocol};
use crate::reading::Reading;
use crate::refusal::flat;

const OWN: Names =
    &[(Slot::Phone, &["phone"]), (Slot::Text(TextField::State), &["state"]), (Slot::Consent, &["consent"])];

/// "Ad-source attribution" is promised and its names are not: these are what ad platforms call them.
const ADS: Names = &[
    (Slot::Origin, &["ad_source"]),
    (Slot::Origin, &["ad_platform"]),
    (Slot::Origin, &["ad_id"]),
    (Slot::Origin, &["ad_name"]),
    (Slot::Origin, &["adset_id", "ad_set_id"]),
    (Slot::Origin, &["adset_name", "ad_set_name"]),
    (Slot::Origin, &["adgroup_id", "ad_group_id"]),
    (Slot::Origin, &["campaign_id"]),
    (Slot::Origin, &["campaign_name"]),
    (Slot::Origin, &["creative_id"]),
    (Slot::Origin, &["form_id"]),
    (Slot::Origin, &["keyword"]),
    (Slot::Origin, &["placement"]),
    (Slot::Origin, &["click_id"]),
];

static NAMES: LazyLock<Index> =
    LazyLock::new(|| Index::new(Grammar::of(OWN, &[NATIVE, PEOPLE, SHARED, ADS])));

pub(crate) static PROTOCOL: Protocol = Protocol {
    source_defaults: SourceDefaults {
        dialect: Dialect::Lead2inbound,
        identity_rule: IdentityRule::AnyOf,
        identity: &[IdentityKey::days(ClaimKind::Phone, 30)],
        policy: Policy::ReturnExisting,
        // Ten-digit US numbers are documented. No other system says anything, and guessing a country makes wrong numbers.
        region: Some("US"),
        has_campaign: false,
    },
    limit: DefaultLimit { counted_by: CountedBy::Key, rate: Rate::per_minute(120) },
    // It shares `/v1/leads` with the native dialect.
    intake: &[],
    waits: true,
    reads_query: false,
    refuses_empty: false,
    sends_reset: true,
    names: &NAMES,
    require,
    accepted: |posted| queued(posted).located(),
    accepted_from_public: |posted| queued(posted).located(),
    settled,
    refused: flat,
    leads_page,
};

fn require(reading: &mut Reading<'_>) {
    if !reading.tried(Slot::Phone) {
        reading.fault("/phone", "missing", "a phone is required");
    }
}

#[derive(Serialize)]
struct Settled {
    outcome: Outcome,
    lead_id: LeadId,
    status: &'static str,
}

#[derive(Serialize)]
struct SettledWithoutLead {
    outcome: Outcome,
    id: SubmissionId,
    status: &'static str,
}

/// A duplicate is told the id of the lead that was there; its 200 is ours, only the body is documented.
fn settled(settlement: &Settlement<'_>) -> Answer {
    let Settlement { posted: PostedLead { id, .. }, outcome, .. } = *settlement;
    let answer = match settlement.lead {
        Some(lead) => {
            let body = Settled { outcome, lead_id: lead.id, status: "new" };
            Answer::json(settlement.http_status(), &body)
        }
        None => {
            let body = SettledWithoutLead { outcome, id, status: status(outcome) };
            Answer::json(settlement.http_status(), &body)
        }
    };
    answer.located()
}

#[derive(Serialize)]
struct Page<'l> {
    data: Vec<Item<'l>>,
    next: Option<&'l str>,
}

#[derive(Serialize)]
struct Item<'l> {
    lead_id: LeadId,
    #[serde(flatten)]
    lead: LeadAnswer<'l>,
}

/// Nothing but the newest leads going first is documented: ours, with the id under both names.
fn leads_page(leads: &[Lead], next: Option<&str>, sources: SourceNames<'_>) -> Answer {
    let data = leads.iter().map(|lead| Item { lead_id: lead.id, lead: native::listed(lead, sources) });
    Answer::json(200, &Page { data: data.collect(), next })
}
