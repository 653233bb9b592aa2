//! Who holds an identity key.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::credential::secret::MatchKey;
use crate::{
    BodyHash, KeyHash, LeadId, OrganizationId, Source, SourceId, Submission, SubmissionId, Timestamp, Trust,
};

/// What kind of value a claim stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(strum::IntoStaticStr, strum::EnumString, strum::VariantNames, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = crate::unknown_code::<Self>)]
pub enum ClaimKind {
    ExternalId,
    LineId,
    Phone,
    Email,
    /// The mailbox of an address at Gmail, for sources that compare mailboxes.
    GmailMailbox,
    Idempotency,
}

impl ClaimKind {
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The key of a source's identity that it belongs to: a mailbox is looked for where emails are.
    pub fn configured(self) -> Self {
        if self == Self::GmailMailbox { Self::Email } else { self }
    }

    /// Two CRMs both have a "123": such values mean nothing outside of their source.
    fn is_scoped_to_source(self) -> bool {
        matches!(self, Self::ExternalId | Self::LineId | Self::Idempotency)
    }
}

/// The key of a claim. Its order is the order in which every writer locks claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClaimKey {
    pub organization: OrganizationId,
    pub kind: ClaimKind,
    pub key: KeyHash,
}

impl ClaimKey {
    /// `value` in the form in which it is compared. An empty one never matches anything, so it is no key.
    pub fn new(
        matching: &MatchKey,
        organization: OrganizationId,
        source: SourceId,
        kind: ClaimKind,
        value: &str,
    ) -> Option<Self> {
        let scope = kind.is_scoped_to_source().then_some(source);
        let value = value.trim();
        (!value.is_empty()).then(|| Self { organization, kind, key: matching.claim(kind, scope, value) })
    }
}

/// Of the keys of the submissions that make one lead, in their order: which of them belong to it by a mailbox alone.
pub fn matched_by_mailbox_only<'k>(parts: impl Iterator<Item = &'k [ClaimKey]>) -> Vec<bool> {
    let mut known: BTreeSet<&ClaimKey> = BTreeSet::new();
    let is_mailbox = |key: &&ClaimKey| key.kind == ClaimKind::GmailMailbox;
    let alone = |keys: &'k [ClaimKey]| {
        let (mailboxes, others): (Vec<_>, Vec<_>) = keys.iter().partition(is_mailbox);
        let meets = |keys: &[&ClaimKey]| keys.iter().any(|key| known.contains(key));
        let alone = meets(&mailboxes) && !meets(&others);
        known.extend(mailboxes.iter().chain(others.iter().filter(|_| !alone)));
        alone
    };
    parts.map(alone).collect()
}

/// An identity key and the lead that holds it; or an idempotency key and the submission that used it first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    #[serde(flatten)]
    pub key: ClaimKey,
    /// The lead that holds the key; for an idempotency key, the lead its first submission made or met.
    pub lead: LeadId,
    /// The submission that took the claim.
    pub submission: SubmissionId,
    /// Of the most trusted submission that made or met the lead by this key. A secret submission that meets a public
    /// claim updates the lead under every policy but `create`.
    pub trust: Trust,
    /// For idempotency keys: what the first submission's body was.
    #[serde(default)]
    pub body_hash: Option<BodyHash>,
    /// Windows run from here; a duplicate extends them.
    pub last_seen: Timestamp,
    /// The latest end of the windows of the sources that took or extended it; `None` is for ever. Until then a public
    /// submission cannot take over a secret claim, even if its own source's window is shorter.
    #[serde(default)]
    pub held_until: Option<Timestamp>,
}

impl Claim {
    /// Whether its time is over for this submission of `source`: by the window of that source. For a public submission
    /// that meets a secret claim, the later of that and `held_until` counts.
    pub fn is_expired(&self, source: &Source, submission: &Submission) -> bool {
        let own = source.window(self.key.kind).map(|window| self.last_seen.plus(window));
        let until = if submission.trust < self.trust { later_expiry(own, self.held_until) } else { own };
        until.is_some_and(|until| submission.received_at > until)
    }

    /// Takes in what another submission of the same lead says by the same key. A public one does not extend a secret claim.
    pub fn extend(&mut self, other: &Self) {
        if other.trust < self.trust {
            return;
        }
        let same = other.trust == self.trust;
        self.held_until =
            if same { later_expiry(self.held_until, other.held_until) } else { other.held_until };
        self.last_seen = self.last_seen.max(other.last_seen);
        self.trust = other.trust;
    }
}

/// `None` is for ever.
fn later_expiry(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    Some(one?.max(other?))
}
