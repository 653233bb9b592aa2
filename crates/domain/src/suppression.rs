//! Whom an organization must not contact.

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

/// The list of an entry that names none.
pub const DEFAULT_LIST: &str = "default";

/// The list of whoever was erased: its entries hold only keys.
pub const ERASED_LIST: &str = "erased";

/// The list of whoever asked in a submission not to be contacted. Its entries hold as [`crate::Reason::OptedOut`].
pub const OPTED_OUT_LIST: &str = "opted_out";

const LONGEST_LIST: usize = 100;

/// What a suppression entry names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(strum::IntoStaticStr, strum::Display, strum::EnumString, strum::VariantNames, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = crate::unknown_code::<Self>)]
pub enum SuppressionKind {
    Phone,
    Email,
    /// Every address at a domain and at the domains below it.
    Domain,
}

impl SuppressionKind {
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// How the value of an entry is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuppressionForm {
    #[default]
    Plain,
    /// Only its SHA-256 was given.
    Sha256,
}

impl SuppressionForm {
    pub fn is_plain(&self) -> bool {
        *self == Self::Plain
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
    /// `value` as [`crate::subscriber`], [`Email::identity`] or [`Domain::as_str`] give it.
    pub fn of(matching: &MatchKey, organization: OrganizationId, kind: SuppressionKind, value: &str) -> Self {
        Self { organization, kind, key: matching.suppression(kind, value) }
    }

    /// Of a value of which only the digest is known.
    pub fn of_digest(
        matching: &MatchKey,
        organization: OrganizationId,
        kind: SuppressionKind,
        digest: Sha256Digest,
    ) -> Self {
        Self { organization, kind, key: matching.suppression_digest(kind, digest) }
    }

    /// Every key under which an entry would hold a lead with this phone and this email, as they are kept.
    ///
    /// Nobody says in which spelling a value was digested. Of a phone E.164, the same without its plus and the national
    /// number, with and without its zero, are all looked for; of an address at Gmail also the one without dots, and its mailbox.
    pub fn keys_for_contact(
        matching: &MatchKey,
        organization: OrganizationId,
        e164: Option<&str>,
        email: Option<&Email>,
    ) -> Vec<Self> {
        let plain = |kind, value: &str| Self::of(matching, organization, kind, value);
        let digested = |kind, value: &str| {
            Self::of_digest(matching, organization, kind, Sha256Digest::of(value.as_bytes()))
        };
        let mut keys = Vec::with_capacity(9);
        if let Some(e164) = e164 {
            keys.push(plain(SuppressionKind::Phone, &phone::subscriber(e164)));
            let spellings = phone::spellings(e164);
            keys.extend(spellings.iter().map(|said| digested(SuppressionKind::Phone, said)));
        }
        if let Some(email) = email {
            let identity = email.comparison_form();
            keys.push(plain(SuppressionKind::Email, &identity));
            keys.push(digested(SuppressionKind::Email, &identity));
            let spellings = email.gmail_spellings();
            keys.extend(spellings.iter().map(|same| digested(SuppressionKind::Email, same)));
            keys.extend(
                value::with_parent_domains(email.domain())
                    .map(|domain| plain(SuppressionKind::Domain, domain)),
            );
        }
        keys
    }
}

/// One entry of one of an organization's lists. A value may be on several lists; each holds it by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    #[serde(flatten)]
    pub key: SuppressionKey,
    pub list: String,
    #[serde(default)]
    pub form: SuppressionForm,
    /// E.164, the address in lower case, the domain in ASCII, or the digest in hex. `None` where only the key is
    /// left, after an erasure.
    pub value: Option<String>,
    pub reason: Option<String>,
    pub added_at: Timestamp,
    /// From then on it holds nobody. What was removed has ended, too.
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

    /// Whether stored leads that it concerns are found by an index on what they hold, a few at most as a rule.
    pub fn names_single_contact(&self) -> bool {
        self.form.is_plain() && self.key.kind != SuppressionKind::Domain && self.value.is_some()
    }
}

/// The name of a list: 1 to 100 characters, trimmed.
///
/// # Errors
/// A sentence for whoever said it.
pub fn list_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    let good = (1..=LONGEST_LIST).contains(&name.chars().count()) && !name.contains(char::is_control);
    if good {
        Ok(name.to_owned())
    } else {
        Err(format!("a list has a name of 1 to {LONGEST_LIST} characters"))
    }
}

/// What a trace says about an entry that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListEntry {
    pub list: String,
    pub added_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "SuppressionForm::is_plain")]
    pub form: SuppressionForm,
}

/// The entries found for a batch that hold at its time.
pub type SuppressionMatches = BTreeMap<SuppressionKey, Vec<ListEntry>>;

#[cfg(test)]
mod tests;
