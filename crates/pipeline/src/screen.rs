//! Whether a lead's phone, email or domain is on one of its organization's suppression lists.

use leadgate_domain::secret::MatchKey;
use leadgate_domain::{
    Email, Listing, OrganizationId, Reason, SuppressionKey, SuppressionKind, Suppressions,
};
use serde::Serialize;

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
    let hits = |key: &SuppressionKey| {
        let reason = match key.kind {
            SuppressionKind::Phone => Reason::SuppressedPhone,
            SuppressionKind::Email => Reason::SuppressedEmail,
            SuppressionKind::Domain => Reason::SuppressedDomain,
        };
        lists.get(key).into_iter().flatten().map(move |listing| Hit { reason, listing })
    };
    keys.iter().flat_map(hits).collect()
}
