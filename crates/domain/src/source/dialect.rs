//! Dialects by name, and the default settings of their sources.

use serde::{Deserialize, Serialize};

use super::{DuplicatePolicy, IdentityKey, IdentityRule};

/// A wire format: `native` is Leadgate's own, the others are the formats of systems that Leadgate can
/// replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(strum::IntoStaticStr, strum::Display, strum::EnumString, strum::VariantNames, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = crate::unknown_code::<Self>)]
pub enum Dialect {
    Native,
    AbcSales,
    Lead2inbound,
    #[serde(rename = "500_leads")]
    #[strum(serialize = "500_leads")]
    FiveHundredLeads,
    #[serde(rename = "kickofflabs")]
    #[strum(serialize = "kickofflabs")]
    KickoffLabs,
    #[serde(rename = "askad")]
    #[strum(serialize = "askad")]
    AskAd,
}

impl Dialect {
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The default settings of a dialect's sources.
#[derive(Debug, Clone, Copy)]
pub struct SourceDefaults {
    pub dialect: Dialect,
    pub identity_rule: IdentityRule,
    pub identity: &'static [IdentityKey],
    pub policy: DuplicatePolicy,
    /// The region for phones without a country code, such as `US`.
    pub region: Option<&'static str>,
    /// Whether clients select a source by a campaign id.
    pub has_campaign: bool,
}

#[cfg(test)]
impl SourceDefaults {
    /// Defaults for tests of this crate, which does not know the defaults of the dialects.
    pub(crate) const fn for_tests(dialect: Dialect) -> Self {
        use crate::ClaimKind;

        const IDENTITY: &[IdentityKey] = &[
            IdentityKey::without_window(ClaimKind::ExternalId),
            IdentityKey::with_window_days(ClaimKind::Phone, 30),
        ];
        Self {
            dialect,
            identity_rule: IdentityRule::AnyOf,
            identity: IDENTITY,
            policy: DuplicatePolicy::ReturnExisting,
            region: None,
            has_campaign: false,
        }
    }
}
