//! Suppression lists: phones, emails and domains that an organization must not contact.

mod data_subject;
mod request;
mod value;

pub use data_subject::DataSubject;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::contact::phone;
use crate::credential::secret::MatchKey;
use crate::{Email, KeyHash, OrganizationId, Sha256Digest, Timestamp};

pub use request::SuppressionRequest;
pub use value::{Domain, SuppressedValue, SuppressedValueProblem};

/// The list of an entry without a list name.
pub const DEFAULT_LIST: &str = "default";

/// The list of erased persons. Its entries contain only keys.
pub const ERASED_LIST: &str = "erased";

/// The list of persons who opted out by a submission. Its entries hold leads as [`crate::Reason::OptedOut`].
pub const OPTED_OUT_LIST: &str = "opted_out";

const MAX_LIST_LENGTH: usize = 100;

/// The kind of value in a suppression entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(strum::IntoStaticStr, strum::Display, strum::EnumString, strum::VariantNames, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = crate::unknown_code::<Self>)]
pub enum SuppressionKind {
    Phone,
    Email,
    /// All addresses of a domain and of its subdomains.
    Domain,
}

impl SuppressionKind {
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The form in which the value of an entry was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[derive(strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum SuppressionForm {
    #[default]
    Plain,
    /// Only its SHA-256 was given.
    Sha256,
}

impl SuppressionForm {
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    pub fn is_plain(&self) -> bool {
        *self == Self::Plain
    }
}

/// The keyed hash of an entry's value. Only hashes are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SuppressionKey {
    pub organization: OrganizationId,
    pub kind: SuppressionKind,
    pub key: KeyHash,
}

impl SuppressionKey {
    /// `value` must be the result of [`crate::canonical_e164`], [`Email::comparison_form`] or
    /// [`Domain::as_str`].
    pub fn new(
        matching: &MatchKey,
        organization: OrganizationId,
        kind: SuppressionKind,
        value: &str,
    ) -> Self {
        Self { organization, kind, key: matching.suppression(kind, value) }
    }

    /// The key for a value of which only the digest is known.
    pub fn from_digest(
        matching: &MatchKey,
        organization: OrganizationId,
        kind: SuppressionKind,
        digest: Sha256Digest,
    ) -> Self {
        Self { organization, kind, key: matching.suppression_digest(kind, digest) }
    }

    /// All keys under which an entry holds a lead with this stored phone and email.
    ///
    /// The spelling from which a digest was made is unknown. For a phone the digests of E.164 with and
    /// without its plus and of the national number with and without its zero are included. For a Gmail
    /// address the digests of the address without dots and of its mailbox are included too.
    pub fn keys_for_contact(
        matching: &MatchKey,
        organization: OrganizationId,
        e164: Option<&str>,
        email: Option<&Email>,
    ) -> Vec<Self> {
        let plain = |kind, value: &str| Self::new(matching, organization, kind, value);
        let digested = |kind, value: &str| {
            Self::from_digest(matching, organization, kind, Sha256Digest::compute(value.as_bytes()))
        };
        let mut keys = Vec::with_capacity(9);
        if let Some(e164) = e164 {
            keys.push(plain(SuppressionKind::Phone, &phone::canonical_e164(e164)));
            let spellings = phone::spellings(e164);
            keys.extend(spellings.iter().map(|spelling| digested(SuppressionKind::Phone, spelling)));
        }
        if let Some(email) = email {
            let identity = email.comparison_form();
            keys.push(plain(SuppressionKind::Email, &identity));
            keys.push(digested(SuppressionKind::Email, &identity));
            let spellings = email.gmail_spellings();
            keys.extend(spellings.iter().map(|spelling| digested(SuppressionKind::Email, spelling)));
            keys.extend(
                value::with_parent_domains(email.domain())
                    .map(|domain| plain(SuppressionKind::Domain, domain)),
            );
        }
        keys
    }
}

/// One entry of a list of an organization. A value can be on several lists. Each entry holds leads
/// independently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    #[serde(flatten)]
    pub key: SuppressionKey,
    pub list: String,
    #[serde(default)]
    pub form: SuppressionForm,
    /// E.164, the address in lower case, the domain in ASCII, or the digest in hexadecimal digits. `None` if
    /// only the key is left after an erasure.
    pub value: Option<String>,
    pub reason: Option<String>,
    pub added_at: Timestamp,
    /// The entry is inactive from then on. A removed entry has expired too.
    pub expires_at: Option<Timestamp>,
}

impl Suppression {
    /// An entry that is added now and never expires.
    pub fn new(
        matching: &MatchKey,
        organization: OrganizationId,
        value: &SuppressedValue,
        now: Timestamp,
    ) -> Self {
        Self {
            key: value.key(matching, organization),
            list: DEFAULT_LIST.to_owned(),
            form: value.form(),
            value: Some(value.to_string()),
            reason: None,
            added_at: now,
            expires_at: None,
        }
    }

    pub fn is_active_at(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether an index finds the stored leads with its value. These are usually few leads.
    pub fn names_single_contact(&self) -> bool {
        self.form.is_plain() && self.key.kind != SuppressionKind::Domain && self.value.is_some()
    }
}

/// Parses the name of a list: 1 to 100 characters after trimming, no control characters.
///
/// # Errors
/// A text that names what was expected.
pub fn list_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    let is_valid = (1..=MAX_LIST_LENGTH).contains(&name.chars().count()) && !name.contains(char::is_control);
    if is_valid {
        Ok(name.to_owned())
    } else {
        Err(format!("the name of a list has 1 to {MAX_LIST_LENGTH} characters and no control characters"))
    }
}

/// The part of a matching entry that is recorded in a trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListEntry {
    pub list: String,
    pub added_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "SuppressionForm::is_plain")]
    pub form: SuppressionForm,
}

/// The active entries that match values of a batch.
pub type SuppressionMatches = BTreeMap<SuppressionKey, Vec<ListEntry>>;

#[cfg(test)]
mod tests;
