//! Checks the phone, email and domain of a lead against the suppression lists of its organization.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use leadgate_domain::secret::MatchKey;
use leadgate_domain::suppression::OPTED_OUT_LIST;
use leadgate_domain::trace::SuppressionHit;
use leadgate_domain::{
    CommitAction, Email, Lead, ListEntry, NormalizedSubmission, OrganizationId, Phone, Reason, Submission,
    SuppressedValue, Suppression, SuppressionKey, SuppressionKind, SuppressionMatches,
};

use crate::contact;

/// The suppression keys of a phone and an email.
pub(crate) fn keys(
    match_key: &MatchKey,
    organization: OrganizationId,
    e164: Option<&str>,
    address: Option<&str>,
) -> Vec<SuppressionKey> {
    SuppressionKey::keys_for_contact(
        match_key,
        organization,
        e164,
        address.and_then(Email::from_stored).as_ref(),
    )
}

/// The suppression keys of a lead.
pub(crate) fn lead_keys(match_key: &MatchKey, lead: &Lead) -> Vec<SuppressionKey> {
    keys(match_key, lead.organization, lead.e164(), lead.email_address())
}

/// The list entries that match the keys.
pub(crate) fn suppression(keys: &[SuppressionKey], lists: &SuppressionMatches) -> Vec<SuppressionHit> {
    let hit = |kind, listing: &ListEntry| SuppressionHit::new(reason(kind, listing), listing);
    let hits = |key: &SuppressionKey| {
        let kind = key.kind;
        lists.get(key).into_iter().flatten().map(move |listing| hit(kind, listing))
    };
    keys.iter().flat_map(hits).collect()
}

fn reason(kind: SuppressionKind, listing: &ListEntry) -> Reason {
    match kind {
        _ if listing.list == OPTED_OUT_LIST => Reason::OptedOut,
        SuppressionKind::Phone => Reason::SuppressedPhone,
        SuppressionKind::Email => Reason::SuppressedEmail,
        SuppressionKind::Domain => Reason::SuppressedDomain,
    }
}

/// The suppression keys of the submission's phone and email.
pub(crate) fn suppression_keys<'n>(
    match_key: &MatchKey,
    normalized: &'n NormalizedSubmission,
) -> Cow<'n, [SuppressionKey]> {
    if let CommitAction::Judge { reading, .. } = &normalized.action {
        return Cow::Borrowed(&reading.suppression_keys);
    }
    let (phone, email) = contact_of(normalized);
    Cow::Owned(keys(match_key, normalized.submission.organization, phone.as_deref(), email.as_deref()))
}

/// The phone of a submission as E.164, and its email. A quarantined submission is read without its source,
/// and therefore without a default region.
fn contact_of(normalized: &NormalizedSubmission) -> (Option<String>, Option<String>) {
    let contact;
    let (phone, email) = match &normalized.action {
        CommitAction::Judge { reading, .. } => (&reading.phone, &reading.email),
        CommitAction::Quarantine(_) => {
            let fields = &normalized.submission.fields;
            contact = contact::read(fields, fields.phone_country);
            (&contact.phone, &contact.email)
        }
    };
    let e164 = phone.value().and_then(|phone| phone.e164.clone());
    (e164, email.value().and_then(|email| email.address.clone()))
}

/// The entries that an opt-out adds to the list `opted_out`: the phones and emails of the submission and of
/// `leads`.
pub(crate) fn opt_out_entries(
    match_key: &MatchKey,
    normalized: &NormalizedSubmission,
    leads: &[&Lead],
) -> Vec<Suppression> {
    let (phone, email) = contact_of(normalized);
    let phones = leads.iter().filter_map(|lead| lead.e164()).chain(phone.as_deref());
    let emails = leads.iter().filter_map(|lead| lead.email_address()).chain(email.as_deref());
    let phones = phones.collect::<BTreeSet<_>>().into_iter();
    let phones = phones.filter_map(|e164| Some(SuppressedValue::Phone(Phone::parse(e164, None).ok()?)));
    let emails = emails.filter_map(Email::from_stored).map(|email| (email.comparison_form(), email));
    let emails = emails.collect::<BTreeMap<_, _>>().into_values().map(SuppressedValue::Email);

    let Submission { id, organization, received_at, .. } = &normalized.submission;
    let entry = |value: SuppressedValue| Suppression {
        list: OPTED_OUT_LIST.to_owned(),
        reason: Some(format!("requested in submission {id}")),
        ..Suppression::new(match_key, *organization, &value, *received_at)
    };
    phones.chain(emails).map(entry).collect()
}
