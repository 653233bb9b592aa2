//! Sources: configured inputs of leads.

mod dialect;
mod identity;
pub mod mapping;
mod network;
mod settings;

pub use dialect::{Dialect, SourceDefaults};
pub use identity::IdentitySettings;
pub use network::Network;
pub use settings::{DurationOrForever, SourceSettings};

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::source::mapping::ActiveMapping;
use crate::{ClaimKind, OrganizationId, Rate, Region, SourceId, Timestamp, Zone};

/// How long an `Idempotency-Key` is remembered.
const IDEMPOTENCY_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// Which of the submitted identity keys decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(strum::Display, strum::EnumString, strum::IntoStaticStr, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = crate::unknown_code::<Self>)]
pub enum IdentityRule {
    /// Any key that belongs to a lead. If several do, the first one in order decides.
    AnyOf,
    /// Only the first key that was submitted.
    FirstOf,
}

impl IdentityRule {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// An identity key of a source, and how long it matches after it was last seen (`None`: it always matches).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IdentityKey {
    pub kind: ClaimKind,
    #[serde(rename = "window_seconds", with = "seconds", default)]
    pub window: Option<Duration>,
}

impl IdentityKey {
    pub const fn without_window(kind: ClaimKind) -> Self {
        Self { kind, window: None }
    }

    pub const fn with_window_days(kind: ClaimKind, days: u64) -> Self {
        Self { kind, window: Some(Duration::from_secs(days * 24 * 60 * 60)) }
    }
}

mod seconds {
    use super::*;

    pub(super) fn serialize<S: serde::Serializer>(
        window: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        window.map(|window| window.as_secs()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_secs))
    }
}

/// What a source does with a submission that matches a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(strum::Display, strum::EnumString, strum::IntoStaticStr, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = crate::unknown_code::<Self>)]
pub enum DuplicatePolicy {
    ReturnExisting,
    Update,
    Link,
    Create,
}

impl DuplicatePolicy {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// When two Gmail addresses identify the same person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[derive(strum::Display, strum::EnumString, strum::IntoStaticStr, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = crate::unknown_code::<Self>)]
pub enum GmailIdentity {
    /// When the addresses are equal.
    #[default]
    Exact,
    /// When they have the same mailbox: dots, the part after a plus, and `googlemail.com` are ignored.
    Mailbox,
}

impl GmailIdentity {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Whether leads of a source need consent before they may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(strum::Display, strum::EnumString, strum::IntoStaticStr, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = crate::unknown_code::<Self>)]
pub enum ConsentPolicy {
    Required,
    Optional,
}

impl ConsentPolicy {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A configured input of leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub id: SourceId,
    pub organization: OrganizationId,
    pub dialect: Dialect,
    /// `None` for the default source of its organization and dialect.
    pub name: Option<String>,
    /// Incremented by every change. Each message contains the revision with which it was decoded.
    pub revision: i32,
    /// The region for phones without a country code.
    pub default_region: Option<Region>,
    /// The time zone for times without a zone.
    pub timezone: Option<Zone>,
    /// Tags that every lead of this source gets.
    pub tags: Vec<String>,
    pub identity_rule: IdentityRule,
    pub identity: Vec<IdentityKey>,
    pub gmail_identity: GmailIdentity,
    pub policy: DuplicatePolicy,
    pub consent: ConsentPolicy,
    /// Maximum age of consent; `None` means no limit.
    pub consent_max_age: Option<Duration>,
    /// The rate limit for all requests to this source.
    pub rate: Option<Rate>,
    /// The campaign id for KickoffLabs clients: decimal digits, unique in the installation. Sources of other
    /// dialects have none.
    pub campaign: Option<String>,
    /// The networks that may post to this source; empty means all.
    pub networks: Vec<Network>,
    /// If set, posts must be signed.
    pub signature: Option<SigningSecretVersion>,
    /// Translates the field names of the client, if it is set.
    pub mapping: Option<Arc<ActiveMapping>>,
    /// When the source was disabled; `None` if it is enabled. It accepts no leads since then.
    pub disabled_at: Option<Timestamp>,
    /// When the source was deleted. It is not listed any more. Its leads are kept and still show its name.
    pub deleted_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// Which signing secrets of a source are valid. A secret is derived from the installation's secret, the
/// source and a version. It is not stored; see [`crate::secret::SourceSigningKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningSecretVersion {
    pub version: u32,
    /// Until then the previous version is valid too.
    #[serde(default)]
    pub previous_until: Option<Timestamp>,
}

impl Source {
    /// A source with the default configuration of its dialect.
    pub fn new(
        organization: OrganizationId,
        defaults: &SourceDefaults,
        name: Option<String>,
        now: Timestamp,
    ) -> Self {
        Self {
            id: SourceId::generate(),
            organization,
            dialect: defaults.dialect,
            name,
            revision: 1,
            default_region: defaults.region.and_then(|region| region.parse().ok()),
            timezone: None,
            tags: Vec::new(),
            identity_rule: defaults.identity_rule,
            identity: defaults.identity.to_vec(),
            gmail_identity: GmailIdentity::Exact,
            policy: defaults.policy,
            consent: ConsentPolicy::Required,
            consent_max_age: None,
            rate: None,
            campaign: defaults.has_campaign.then(new_campaign),
            networks: Vec::new(),
            signature: None,
            mapping: None,
            disabled_at: None,
            deleted_at: None,
            created_at: now,
        }
    }

    /// The name for display. A default source is named after its dialect.
    pub fn display_name(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("default {} source", self.dialect))
    }

    /// How long a claim of this kind matches after it was last seen; `None` means that it always matches.
    pub fn window(&self, kind: ClaimKind) -> Option<Duration> {
        match kind {
            ClaimKind::Idempotency => Some(IDEMPOTENCY_WINDOW),
            _ => self.identity.iter().find(|identity| identity.kind == kind.configured())?.window,
        }
    }
}

/// Ten decimal digits without a leading zero, because KickoffLabs clients treat campaign ids as numbers.
fn new_campaign() -> String {
    rand::random_range(1_000_000_000_u64..10_000_000_000).to_string()
}
