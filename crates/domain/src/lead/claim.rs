//! Claims: which lead an identity key belongs to.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::credential::secret::MatchKey;
use crate::{
    BodyHash, KeyHash, LeadId, OrganizationId, Source, SourceId, Submission, SubmissionId, Timestamp, Trust,
};

/// The kind of value in a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(strum::IntoStaticStr, strum::EnumString, strum::VariantNames, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = crate::unknown_code::<Self>)]
pub enum ClaimKind {
    ExternalId,
    LineId,
    Phone,
    Email,
    /// The mailbox of a Gmail address, for sources that compare mailboxes.
    GmailMailbox,
    Idempotency,
}

impl ClaimKind {
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The kind in the identity settings of a source: a mailbox belongs to `email`.
    pub fn configured(self) -> Self {
        if self == Self::GmailMailbox { Self::Email } else { self }
    }

    /// Such values have a meaning only within their source: two CRMs can both have an id "123".
    fn is_scoped_to_source(self) -> bool {
        matches!(self, Self::ExternalId | Self::LineId | Self::Idempotency)
    }
}

/// The key of a claim. Every writer locks claims in the order of their keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClaimKey {
    pub organization: OrganizationId,
    pub kind: ClaimKind,
    pub key: KeyHash,
}

impl ClaimKey {
    /// Makes the key of a `value` in the form in which values are compared. An empty value has no key,
    /// because it must not match anything.
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

/// For each contributor of a lead, in order, with its keys: whether only a Gmail mailbox connects it with the
/// earlier ones.
pub fn matched_by_mailbox_only<'k>(parts: impl Iterator<Item = &'k [ClaimKey]>) -> Vec<bool> {
    let mut known: BTreeSet<&ClaimKey> = BTreeSet::new();
    let is_mailbox = |key: &&ClaimKey| key.kind == ClaimKind::GmailMailbox;
    let mailbox_only = |keys: &'k [ClaimKey]| {
        let (mailboxes, others): (Vec<_>, Vec<_>) = keys.iter().partition(is_mailbox);
        let matches = |keys: &[&ClaimKey]| keys.iter().any(|key| known.contains(key));
        let mailbox_only = matches(&mailboxes) && !matches(&others);
        known.extend(mailboxes.iter().chain(others.iter().filter(|_| !mailbox_only)));
        mailbox_only
    };
    parts.map(mailbox_only).collect()
}

/// An identity key and its lead, or an idempotency key and the submission that used it first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    #[serde(flatten)]
    pub key: ClaimKey,
    /// The lead to which the key belongs. For an idempotency key: the lead that its first submission created
    /// or matched.
    pub lead: LeadId,
    /// The submission that created the claim.
    pub submission: SubmissionId,
    /// The trust of the most trusted submission that created or matched the lead by this key. A secret
    /// submission that matches a public claim updates the lead under every policy except `create`.
    pub trust: Trust,
    /// For idempotency keys: the hash of the first submission's body.
    #[serde(default)]
    pub body_hash: Option<BodyHash>,
    /// The start of the window. A duplicate moves it.
    pub last_seen: Timestamp,
    /// The latest end of the windows of the sources that created or extended the claim; `None` means that it
    /// never ends. Until then a public submission cannot take over a secret claim, even if the window of its
    /// own source is shorter.
    #[serde(default)]
    pub protected_until: Option<Timestamp>,
}

impl Claim {
    /// Whether the claim has expired for this submission, by the window of its `source`. If a public
    /// submission matches a secret claim, the later of the window's end and `protected_until` counts.
    pub fn is_expired(&self, source: &Source, submission: &Submission) -> bool {
        let own = source.window(self.key.kind).map(|window| self.last_seen.plus(window));
        let until = if submission.trust < self.trust { later_expiry(own, self.protected_until) } else { own };
        until.is_some_and(|until| submission.received_at > until)
    }

    /// Extends the claim by a later claim of the same lead for the same key. A public claim does not extend a
    /// secret one.
    pub fn extend(&mut self, other: &Self) {
        if other.trust < self.trust {
            return;
        }
        let same = other.trust == self.trust;
        self.protected_until = if same {
            later_expiry(self.protected_until, other.protected_until)
        } else {
            other.protected_until
        };
        self.last_seen = self.last_seen.max(other.last_seen);
        self.trust = other.trust;
    }
}

/// The later of two expiry times. `None` means that a claim never expires.
fn later_expiry(first: Option<Timestamp>, second: Option<Timestamp>) -> Option<Timestamp> {
    Some(first?.max(second?))
}
