//! Whether a lead's phone or email is on its organization's suppression list.

use leadgate_domain::secret::MatchKey;
use leadgate_domain::{
    Email, OrganizationId, Reading, Reason, SuppressionKey, SuppressionKind, Suppressions, Timestamp,
};
use serde::Serialize;

/// An entry that was found.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Hit {
    pub(crate) reason: Reason,
    pub(crate) added_at: Timestamp,
}

/// The keys under which a phone and an email would be suppressed.
pub(crate) fn keys(
    matching: &MatchKey,
    organization: OrganizationId,
    e164: Option<&str>,
    address: Option<&str>,
) -> Vec<SuppressionKey> {
    let key = |kind, value: &str| SuppressionKey::of(matching, organization, kind, value);
    let phone = e164.map(|e164| key(SuppressionKind::Phone, e164));
    let email = address.and_then(Email::kept);
    let email = email.map(|email| key(SuppressionKind::Email, &email.identity()));
    phone.into_iter().chain(email).collect()
}

/// The keys of what a submission says, whichever lead it ends up with.
pub(crate) fn submitted(
    matching: &MatchKey,
    organization: OrganizationId,
    reading: &Reading,
) -> Vec<SuppressionKey> {
    let e164 = reading.phone.value().and_then(|phone| phone.e164.as_deref());
    let address = reading.email.value().and_then(|email| email.address.as_deref());
    keys(matching, organization, e164, address)
}

/// Those of the keys that are on the list.
pub(crate) fn suppression(keys: &[SuppressionKey], list: &Suppressions) -> Vec<Hit> {
    let hit = |key: &SuppressionKey| {
        let reason = match key.kind {
            SuppressionKind::Phone => Reason::SuppressedPhone,
            SuppressionKind::Email => Reason::SuppressedEmail,
        };
        list.get(key).map(|added_at| Hit { reason, added_at: *added_at })
    };
    keys.iter().filter_map(hit).collect()
}
