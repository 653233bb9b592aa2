//! Configured ways in.

mod identity;
pub mod mapping;
mod network;
mod settings;

pub use identity::Identity;
pub use network::Network;
pub use settings::{SourceSettings, Window};

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::source::mapping::ActiveMapping;
use crate::{ClaimKind, OrganizationId, Rate, Region, SourceId, Timestamp, Zone};

/// A wire format that a client may speak: our own, and those of the systems that Leadgate stands in for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    Native,
    AbcSales,
    Lead2inbound,
    #[serde(rename = "500_leads")]
    FiveHundredLeads,
    #[serde(rename = "kickofflabs")]
    KickoffLabs,
    #[serde(rename = "askad")]
    AskAd,
}

impl Dialect {
    pub const ALL: [Self; 6] = [
        Self::Native,
        Self::AbcSales,
        Self::Lead2inbound,
        Self::FiveHundredLeads,
        Self::KickoffLabs,
        Self::AskAd,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::AbcSales => "abc_sales",
            Self::Lead2inbound => "lead2inbound",
            Self::FiveHundredLeads => "500_leads",
            Self::KickoffLabs => "kickofflabs",
            Self::AskAd => "askad",
        }
    }

    /// What each system limits by default, and how much of it. KickoffLabs documents no limit: it has ours.
    pub fn default_limit(self) -> DefaultLimit {
        let (counted, permits) = match self {
            Self::Native => (Counted::Key, 1_200),
            Self::AbcSales => (Counted::Organization, 300),
            Self::Lead2inbound => (Counted::Key, 120),
            Self::FiveHundredLeads => (Counted::SourceAddress, 100),
            Self::KickoffLabs => (Counted::Source, 1_200),
            Self::AskAd => (Counted::Key, 100),
        };
        DefaultLimit { counted, rate: Rate::per_minute(permits) }
    }

    /// How a source of this dialect tells people apart unless it says otherwise.
    pub fn default_identity(self) -> (IdentityRule, Vec<IdentityKey>) {
        use ClaimKind::{Email, ExternalId, LineId, Phone};
        let ever = |kind| IdentityKey { kind, window: None };
        let thirty_days = |kind| IdentityKey { kind, window: Some(THIRTY_DAYS) };
        match self {
            Self::Native => (IdentityRule::AnyOf, vec![ever(ExternalId), thirty_days(Phone)]),
            Self::AbcSales => {
                (IdentityRule::FirstOf, vec![ever(ExternalId), ever(LineId), thirty_days(Phone)])
            }
            Self::Lead2inbound => (IdentityRule::AnyOf, vec![thirty_days(Phone)]),
            Self::FiveHundredLeads | Self::KickoffLabs => {
                (IdentityRule::AnyOf, vec![ever(Email), ever(Phone)])
            }
            Self::AskAd => (IdentityRule::AnyOf, vec![thirty_days(Email), thirty_days(Phone)]),
        }
    }

    /// In which region a phone without a country code is read. lead2inbound documents ten-digit US numbers; nobody
    /// else says anything, and guessing a country makes wrong numbers.
    pub fn default_region(self) -> Option<Region> {
        match self {
            Self::Lead2inbound => "US".parse().ok(),
            _ => None,
        }
    }

    pub fn default_policy(self) -> Policy {
        match self {
            Self::AbcSales | Self::KickoffLabs => Policy::Update,
            Self::Native | Self::Lead2inbound | Self::FiveHundredLeads | Self::AskAd => {
                Policy::ReturnExisting
            }
        }
    }
}

/// The limit that applies where nothing else was configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefaultLimit {
    pub counted: Counted,
    pub rate: Rate,
}

/// What requests are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counted {
    Key,
    /// The organization within the dialect.
    Organization,
    Source,
    /// The source and the address that the request came from.
    SourceAddress,
}

/// For how long an `Idempotency-Key` is remembered.
const IDEMPOTENCY_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);
const THIRTY_DAYS: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Which of the supplied identity keys decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityRule {
    /// Any that is held; where several are, the first in order.
    AnyOf,
    /// The first that was supplied, and no other.
    FirstOf,
}

/// One identity key of a source and for how long it matches after it was last seen; `None` is for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IdentityKey {
    pub kind: ClaimKind,
    #[serde(rename = "window_seconds", with = "seconds", default)]
    pub window: Option<Duration>,
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
#[serde(rename_all = "snake_case")]
pub enum Policy {
    ReturnExisting,
    Update,
    Link,
    Create,
}

/// When two addresses at Gmail are one person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GmailIdentity {
    /// When they are written alike.
    #[default]
    Exact,
    /// When they are of one mailbox: dots, what follows a plus, and `googlemail.com` make no difference.
    Mailbox,
}

/// Whether a source's leads need consent to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consents {
    Required,
    Optional,
}

macro_rules! code {
    ($name:ident: $($variant:ident = $code:literal),+) => {
        impl $name {
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($code => Ok(Self::$variant),)+
                    _ => Err(format!("`{text}` is none of {}", [$($code),+].join(", "))),
                }
            }
        }
    };
}

code!(Policy: ReturnExisting = "return_existing", Update = "update", Link = "link", Create = "create");
code!(Consents: Required = "required", Optional = "optional");
code!(GmailIdentity: Exact = "exact", Mailbox = "mailbox");
code!(IdentityRule: AnyOf = "any_of", FirstOf = "first_of");

impl fmt::Display for Dialect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Dialect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|dialect| dialect.as_str() == text);
        known.ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            format!("`{text}` is no dialect of this build ({names})")
        })
    }
}

/// A configured way in.
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
    pub policy: Policy,
    pub consent: Consents,
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
    pub signature: Option<Signature>,
    /// How incoming names become fields, if they need it.
    pub mapping: Option<Arc<ActiveMapping>>,
    /// Since then it takes no leads in; `None` for a source that is enabled.
    pub disabled_at: Option<Timestamp>,
    /// Since then it is listed no more. Its leads stay, and say by its name where they came in.
    pub deleted_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// Which signing secrets of a source are good. A secret is derived from the installation's, the source and a
/// version, and kept nowhere; see [`crate::credential::secret::SigningKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    pub version: u32,
    /// Until then the version before is good too.
    #[serde(default)]
    pub previous_until: Option<Timestamp>,
}

impl Source {
    /// A source with its dialect's defaults.
    pub fn new(organization: OrganizationId, dialect: Dialect, name: Option<String>, now: Timestamp) -> Self {
        let (identity_rule, identity) = dialect.default_identity();
        Self {
            id: SourceId::generate(),
            organization,
            dialect,
            name,
            revision: 1,
            default_region: dialect.default_region(),
            timezone: None,
            tags: Vec::new(),
            identity_rule,
            identity,
            gmail_identity: GmailIdentity::Exact,
            policy: dialect.default_policy(),
            consent: Consents::Required,
            consent_max_age: None,
            rate: None,
            campaign: (dialect == Dialect::KickoffLabs).then(new_campaign),
            networks: Vec::new(),
            signature: None,
            mapping: None,
            disabled_at: None,
            deleted_at: None,
            created_at: now,
        }
    }

    /// What people call it; a default source is called after its dialect.
    pub fn title(&self) -> String {
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
