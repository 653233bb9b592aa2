//! Whether a lead's phone, email or domain is on one of its organization's suppression lists.

use std::collections::{BTreeMap, BTreeSet};

use leadgate_domain::secret::MatchKey;
use leadgate_domain::suppression::OPTED_OUT_LIST;
use leadgate_domain::{
    Disposition, Email, Lead, Listing, Normalized, OrganizationId, Phone, Reason, Submission,
    SuppressedValue, Suppression, SuppressionKey, SuppressionKind, Suppressions,
};
use serde::Serialize;

use crate::normalize;

/// An entry that was found.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Hit<'s> {
    pub(crate) reason: Reason,
    #[serde(flatten)]
    pub(crate) listing: &'s Listing,
}

/// The keys under which a phone and an email would be suppressed.
pub(crate) fn keys(
    matching: &MatchKey,
    organization: OrganizationId,
    e164: Option<&str>,
    address: Option<&str>,
) -> Vec<SuppressionKey> {
    SuppressionKey::watched(matching, organization, e164, address.and_then(Email::kept).as_ref())
}

/// What the lists say about the keys.
pub(crate) fn suppression<'s>(keys: &[SuppressionKey], lists: &'s Suppressions) -> Vec<Hit<'s>> {
    let hit = |kind, listing: &'s Listing| Hit { reason: reason(kind, listing), listing };
    let hits = |key: &SuppressionKey| {
        let kind = key.kind;
        lists.get(key).into_iter().flatten().map(move |listing| hit(kind, listing))
    };
    keys.iter().flat_map(hits).collect()
}

fn reason(kind: SuppressionKind, listing: &Listing) -> Reason {
    match kind {
        _ if listing.list == OPTED_OUT_LIST => Reason::OptedOut,
        SuppressionKind::Phone => Reason::SuppressedPhone,
        SuppressionKind::Email => Reason::SuppressedEmail,
        SuppressionKind::Domain => Reason::SuppressedDomain,
    }
}

/// What an opt-out puts on the list of those who asked not to be contacted.
pub(crate) fn opted_out(matching: &MatchKey, normalized: &Normalized, reached: &[&Lead]) -> Vec<Suppression> {
    let read;
    let (phone, email) = match &normalized.disposition {
        Disposition::Judge { reading, .. } => (&reading.phone, &reading.email),
        // Without its source, so without a default region.
        Disposition::Quarantine(_) => {
            let fields = &normalized.submission.fields;
            read = normalize::contact(fields, fields.phone_country);
            (&read.0, &read.1)
        }
    };
    let phone = phone.value().and_then(|phone| phone.e164.as_deref());
    let email = email.value().and_then(|email| email.address.as_deref());
    let phones = reached.iter().filter_map(|lead| lead.e164()).chain(phone);
    let emails = reached.iter().filter_map(|lead| lead.email_address()).chain(email);
    let phones = phones.collect::<BTreeSet<_>>().into_iter();
    let phones = phones.filter_map(|e164| Some(SuppressedValue::Phone(Phone::parse(e164, None).ok()?)));
    let emails = emails.filter_map(Email::kept).map(|email| (email.identity(), email));
    let emails = emails.collect::<BTreeMap<_, _>>().into_values().map(SuppressedValue::Email);

    let Submission { id, organization, received_at, .. } = &normalized.submission;
    let entry = |value: SuppressedValue| Suppression {
        list: OPTED_OUT_LIST.to_owned(),
        reason: Some(format!("asked in submission {id}")),
        ..Suppression::new(matching, *organization, &value, *received_at)
    };
    phones.chain(emails).map(entry).collect()
}
