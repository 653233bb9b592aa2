//! Sources: how leads of one origin are read and identified.

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

/// For how long an `Idempotency-DerivedKey` is remembered.
const IDEMPOTENCY_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// Which of the supplied identity keys decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(strum::Display, strum::EnumString, strum::IntoStaticStr, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = crate::unknown_code::<Self>)]
pub enum IdentityRule {
    /// Any that is held; where several are, the first in order.
    AnyOf,
    /// The first that was supplied, and no other.
    FirstOf,
}

impl IdentityRule {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// One identity key of a source and for how long it matches after it was last seen; `None` is for ever.
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

/// What happens to a submission that meets a lead.
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

/// When two addresses at Gmail are one person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[derive(strum::Display, strum::EnumString, strum::IntoStaticStr, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = crate::unknown_code::<Self>)]
pub enum GmailIdentity {
    /// When they are written alike.
    #[default]
    Exact,
    /// When they are of one mailbox: dots, what follows a plus, and `googlemail.com` make no difference.
    Mailbox,
}

impl GmailIdentity {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Whether a source's leads need consent to be called.
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

/// How leads of one origin are read and identified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub id: SourceId,
    pub organization: OrganizationId,
    pub dialect: Dialect,
    /// `None` for the default source of its organization and dialect.
    pub name: Option<String>,
    /// Grows with every change, so that a message says by which configuration it was read.
    pub revision: i32,
    /// Reads phones without a country code.
    pub default_region: Option<Region>,
    /// Reads times without a zone.
    pub timezone: Option<Zone>,
    /// Given to every lead that comes in here.
    pub tags: Vec<String>,
    pub identity_rule: IdentityRule,
    pub identity: Vec<IdentityKey>,
    pub gmail_identity: GmailIdentity,
    pub policy: DuplicatePolicy,
    pub consent: ConsentPolicy,
    /// How old consent may be for a call; `None` for however old.
    pub consent_max_age: Option<Duration>,
    /// A limit for everything that comes in here.
    pub rate: Option<Rate>,
    /// What KickoffLabs's clients call a campaign: decimal digits, unique in the installation. Sources of other
    /// dialects have none.
    pub campaign: Option<String>,
    /// The only networks that may post here; empty for anywhere.
    pub networks: Vec<Network>,
    /// Posts must be signed, if there is one.
    pub signature: Option<SigningSecretVersion>,
    /// How incoming names become fields, if they need it.
    pub mapping: Option<Arc<ActiveMapping>>,
    /// Since then it takes no leads in; `None` for a source that is enabled.
    pub disabled_at: Option<Timestamp>,
    /// Since then it is listed no more. Its leads stay, and say by its name where they came in.
    pub deleted_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// Which signing secrets of a source are good. A secret is derived from the installation's, the source and a
/// version, and kept nowhere; see [`crate::secret::SourceSigningKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningSecretVersion {
    pub version: u32,
    /// Until then the version before is good too.
    #[serde(default)]
    pub previous_until: Option<Timestamp>,
}

impl Source {
    /// A source of a dialect, configured as the dialect's sources are by default.
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

    /// What people call it; a default source is called after its dialect.
    pub fn display_name(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("default {} source", self.dialect))
    }

    /// For how long a claim of this kind counts after it was last seen; `None` is for ever.
    pub fn window(&self, kind: ClaimKind) -> Option<Duration> {
        match kind {
            ClaimKind::Idempotency => Some(IDEMPOTENCY_WINDOW),
            _ => self.identity.iter().find(|identity| identity.kind == kind.configured())?.window,
        }
    }
}

/// Ten decimal digits, the first of them no zero: campaign ids are numbers to KickoffLabs's clients.
fn new_campaign() -> String {
    rand::random_range(1_000_000_000_u64..10_000_000_000).to_string()
}
