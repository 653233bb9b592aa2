//! The wire formats that clients speak, by name, and what a source of one is by default.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{IdentityKey, IdentityRule, Policy};
use crate::Rate;

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
}

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

/// How a source of a dialect is configured unless it is told otherwise.
#[derive(Debug, Clone, Copy)]
pub struct SourceDefaults {
    pub dialect: Dialect,
    pub identity_rule: IdentityRule,
    pub identity: &'static [IdentityKey],
    pub policy: Policy,
    /// The region in which a phone without a country code is read, such as `US`.
    pub region: Option<&'static str>,
    /// Whether its clients name a source by the number of a campaign.
    pub has_campaign: bool,
    pub limit: DefaultLimit,
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

#[cfg(test)]
impl SourceDefaults {
    /// For tests of this crate, which does not know what each dialect says.
    pub(crate) const fn for_tests(dialect: Dialect) -> Self {
        use crate::ClaimKind;

        const IDENTITY: &[IdentityKey] =
            &[IdentityKey::ever(ClaimKind::ExternalId), IdentityKey::days(ClaimKind::Phone, 30)];
        Self {
            dialect,
            identity_rule: IdentityRule::AnyOf,
            identity: IDENTITY,
            policy: Policy::ReturnExisting,
            region: None,
            has_campaign: false,
            limit: DefaultLimit { counted: Counted::Key, rate: Rate::per_minute(1_200) },
        }
    }
}
