//! Whom an organization must not contact.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::secret::MatchKey;
use crate::{Email, KeyHash, OrganizationId, Phone, Timestamp};

/// What a suppression entry names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuppressionKind {
    Phone,
    Email,
}

impl SuppressionKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Email => "email",
        }
    }
}

impl FromStr for SuppressionKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "phone" => Ok(Self::Phone),
            "email" => Ok(Self::Email),
            _ => Err(format!("`{text}` is no kind of suppression (phone, email)")),
        }
    }
}

/// The value of an entry in the form in which it is compared: only the hash is ever matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SuppressionKey {
    pub organization: OrganizationId,
    pub kind: SuppressionKind,
    pub key: KeyHash,
}

impl SuppressionKey {
    pub fn phone(matching: &MatchKey, organization: OrganizationId, phone: &Phone) -> Self {
        Self::of(matching, organization, SuppressionKind::Phone, phone.e164())
    }

    pub fn email(matching: &MatchKey, organization: OrganizationId, email: &Email) -> Self {
        Self::of(matching, organization, SuppressionKind::Email, &email.identity())
    }

    /// `value` as [`Phone::e164`] or [`Email::identity`] give it.
    pub fn of(matching: &MatchKey, organization: OrganizationId, kind: SuppressionKind, value: &str) -> Self {
        Self { organization, kind, key: matching.suppression(kind, value) }
    }
}

/// One entry of an organization's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    #[serde(flatten)]
    pub key: SuppressionKey,
    /// E.164, or the address in lower case.
    pub value: String,
    pub reason: Option<String>,
    pub added_at: Timestamp,
}

/// The entries found for a batch, with when each was added.
pub type Suppressions = BTreeMap<SuppressionKey, Timestamp>;
