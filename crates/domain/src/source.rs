//! Tenants and their configured ways in.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{ClaimKind, OrganizationId, Rate, Region, SourceId, Timestamp};

/// A tenant. Everything belongs to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    pub id: OrganizationId,
    pub name: String,
    pub created_at: Timestamp,
}

/// A wire format that a client may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    Native,
}

impl Dialect {
    pub const ALL: [Self; 1] = [Self::Native];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
        }
    }

    /// The limit of a key or source that has none of its own.
    pub fn default_rate(self) -> Rate {
        match self {
            Self::Native => Rate::per_minute(1_200),
        }
    }

    /// How a source of this dialect tells people apart unless it says otherwise.
    pub fn default_identity(self) -> (IdentityRule, Vec<IdentityKey>) {
        match self {
            Self::Native => (
                IdentityRule::AnyOf,
                vec![
                    IdentityKey { kind: ClaimKind::ExternalId, window: None },
                    IdentityKey { kind: ClaimKind::Phone, window: Some(THIRTY_DAYS) },
                ],
            ),
        }
    }

    pub fn default_policy(self) -> Policy {
        match self {
            Self::Native => Policy::ReturnExisting,
        }
    }
}

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
    /// Given to every lead that comes in here.
    pub tags: Vec<String>,
    pub identity_rule: IdentityRule,
    pub identity: Vec<IdentityKey>,
    pub policy: Policy,
    pub consent: Consents,
    pub rate: Option<Rate>,
    pub created_at: Timestamp,
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
            default_region: None,
            tags: Vec::new(),
            identity_rule,
            identity,
            policy: dialect.default_policy(),
            consent: Consents::Required,
            rate: None,
            created_at: now,
        }
    }
}
