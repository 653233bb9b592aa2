//! The lead in the format of KickoffLabs. Members without a value in Leadgate are null or empty.

use std::borrow::Cow;
use std::collections::BTreeSet;

use leadgate_domain::{Lead, LeadId, Phone, TextField, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};

use super::COMMANDS;
use crate::response::PostedLead;

type AlwaysNull = Option<()>;

/// The members and their order are documented.
#[derive(Default, Serialize)]
pub(crate) struct LeadPayload<'l> {
    id: Option<LeadId>,
    social_id: AlwaysNull,
    rank: AlwaysNull,
    counter: AlwaysNull,
    lead_count: AlwaysNull,
    contest_score: AlwaysNull,
    contest_score_rank: AlwaysNull,
    contest_score_rank_relative_position: AlwaysNull,
    rank_relative_position: AlwaysNull,
    campaign_id: Option<Value>,
    list_id: Option<Value>,
    given_name: Option<&'l str>,
    first_name: Option<&'l str>,
    avatar: AlwaysNull,
    when: Option<Timestamp>,
    enhanced: AlwaysNull,
    anonymous: AlwaysNull,
    verified: AlwaysNull,
    verified_email: AlwaysNull,
    verified_phone_number: AlwaysNull,
    waitlisted: AlwaysNull,
    display_name: Option<&'l str>,
    completed_actions: [(); 0],
    social_url: AlwaysNull,
    redirect_url: AlwaysNull,
    thankyou_url: AlwaysNull,
    status_url: AlwaysNull,
    email: Option<&'l str>,
    phone_number: Option<Cow<'l, str>>,
    family_name: Option<&'l str>,
    custom_fields: Map<String, Value>,
    unsubscribe_url: UnsubscribeUrl,
    uid: Option<&'l Value>,
    parent_id: AlwaysNull,
    opted_out: bool,
    utm: Map<String, Value>,
    tags: BTreeSet<&'l str>,
    referrals: AlwaysNull,
    unverified_leads: UnverifiedLeads,
    verified_leads: Map<String, Value>,
    influence: Map<String, Value>,
    subscription_number: AlwaysNull,
    ip: Option<&'l Value>,
    referrer: Option<&'l Value>,
    fraudulent: AlwaysNull,
}

#[derive(Default, Serialize)]
struct UnsubscribeUrl {
    default: AlwaysNull,
    safe: AlwaysNull,
}

#[derive(Default, Serialize)]
struct UnverifiedLeads {
    indirect: AlwaysNull,
    direct: AlwaysNull,
}

impl<'l> LeadPayload<'l> {
    /// The payload of a stored lead.
    pub(crate) fn from_lead(lead: &'l Lead, campaign: Option<&str>) -> Self {
        let phone = lead.phone.as_ref().map(|phone| phone.e164.as_deref().unwrap_or(&phone.raw));
        Self {
            when: Some(lead.received_at),
            email: lead.email.as_ref().map(|email| email.address.as_deref().unwrap_or(&email.raw)),
            phone_number: phone.map(Cow::Borrowed),
            opted_out: lead.opt_out,
            tags: lead.all_tags(),
            ..Self::shared(
                lead.id,
                campaign,
                |field| lead.text(field),
                &lead.custom_fields,
                lead.attribution.as_ref(),
            )
        }
    }

    /// The payload of one submission, without stored data.
    pub(super) fn from_posted(posted: &'l PostedLead<'_>, id: LeadId) -> Self {
        let PostedLead { fields, tags, source, received_at, .. } = *posted;
        let region = fields.phone_country.or(source.default_region);
        let phone = fields.phone.value().map(|raw| match Phone::parse(raw, region) {
            Ok(phone) => Cow::Owned(phone.e164().to_owned()),
            Err(_) => Cow::Borrowed(raw.trim()),
        });
        let attribution = fields.attribution.value();
        Self {
            when: Some(received_at),
            email: fields.email.value().map(|raw| raw.trim()),
            phone_number: phone,
            opted_out: fields.opt_out,
            tags: tags.iter().map(String::as_str).collect(),
            ..Self::shared(
                id,
                source.campaign.as_deref(),
                |field| fields.text(field),
                &fields.custom_fields,
                attribution,
            )
        }
    }

    fn shared(
        id: LeadId,
        campaign: Option<&str>,
        text: impl Fn(TextField) -> Option<&'l str>,
        custom_fields: &Map<String, Value>,
        attribution: Option<&'l Map<String, Value>>,
    ) -> Self {
        let attribution_part = |name| attribution?.get(name);
        let first_name = text(TextField::FirstName);
        let campaign = campaign.map(campaign_id);
        let is_shown = |(name, _): &(&String, &Value)| !COMMANDS.contains(&name.as_str());
        let utm = attribution.into_iter().flatten().filter(|(name, _)| name.starts_with("utm_"));
        let owned = |(name, value): (&String, &Value)| (name.clone(), value.clone());
        Self {
            id: Some(id),
            campaign_id: campaign.clone(),
            list_id: campaign,
            given_name: first_name,
            first_name,
            display_name: text(TextField::FullName).or(first_name),
            family_name: text(TextField::LastName),
            custom_fields: custom_fields.iter().filter(is_shown).map(owned).collect(),
            uid: attribution_part("__uid"),
            utm: utm.map(owned).collect(),
            ip: attribution_part("ip"),
            referrer: attribution_part("referrer"),
            ..Self::default()
        }
    }
}

/// The campaign id as a number, if it is one.
fn campaign_id(text: &str) -> Value {
    text.parse::<u64>().map_or_else(|_| Value::from(text), Value::from)
}
