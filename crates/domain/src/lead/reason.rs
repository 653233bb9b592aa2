//! Why a lead may not be called.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// All reasons that can hold a lead. The codes are part of the API, the database and the metrics.
///
/// A stored lead may have a reason that only a newer build knows. The reason is kept and holds the lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The lead was posted with a test key, or is marked as a test.
    TestLead,
    /// No phone was sent.
    PhoneMissing,
    /// Neither a phone nor an email was recognized.
    NoContact,
    /// The phone is not valid in any numbering plan. It is kept as it was sent.
    PhoneInvalid,
    /// The phone can be read as two different numbers.
    PhoneAmbiguous,
    /// The person asked not to be contacted.
    OptedOut,
    /// The phone is on the organization's suppression list.
    SuppressedPhone,
    /// The email is on the organization's suppression list.
    SuppressedEmail,
    /// The domain of the email, or a parent domain, is on the organization's suppression list.
    SuppressedDomain,
    /// The person was asked for consent and refused.
    ConsentRefused,
    /// The source requires consent, and no consent was sent.
    ConsentMissing,
    /// The consent lacks a readable time, the version of the text, or the page on which it was given.
    ConsentIncomplete,
    /// The consent is dated after it was received.
    ConsentInFuture,
    /// The consent is older than a source of the lead allows.
    ConsentExpired,
    /// The consent was sent with another phone than the lead has now.
    ConsentForOtherPhone,
    /// A reason that only a newer build knows.
    Newer(UnknownCode),
}

/// A code that only a newer build knows, for example of a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct UnknownCode(&'static str);

impl UnknownCode {
    /// Maximum number of distinct unknown codes. They are kept in memory until the process ends.
    const MAX_CODES: usize = 256;
    const MAX_LENGTH: usize = 64;
    /// The code that replaces codes beyond these limits.
    const OTHER: Self = Self("unknown");

    fn intern(text: &str) -> Self {
        static CODES: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
        let mut codes = CODES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(code) = codes.get(text) {
            return Self(code);
        }
        if codes.len() >= Self::MAX_CODES || text.len() > Self::MAX_LENGTH {
            return Self::OTHER;
        }
        let code: &'static str = Box::leak(text.into());
        codes.insert(code);
        Self(code)
    }

    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl<'de> Deserialize<'de> for UnknownCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::intern(&Cow::<str>::deserialize(deserializer)?))
    }
}

impl Reason {
    pub const ALL: [Self; 15] = [
        Self::TestLead,
        Self::PhoneMissing,
        Self::NoContact,
        Self::PhoneInvalid,
        Self::PhoneAmbiguous,
        Self::OptedOut,
        Self::SuppressedPhone,
        Self::SuppressedEmail,
        Self::SuppressedDomain,
        Self::ConsentRefused,
        Self::ConsentMissing,
        Self::ConsentIncomplete,
        Self::ConsentInFuture,
        Self::ConsentExpired,
        Self::ConsentForOtherPhone,
    ];

    /// The meaning as text. `docs/reasons.md` describes what ends the reason.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::TestLead => "it is a test lead",
            Self::PhoneMissing => "no phone was sent",
            Self::NoContact => "neither a phone nor an email was recognized",
            Self::PhoneInvalid => "the phone is not valid in any numbering plan",
            Self::PhoneAmbiguous => "the phone can be read as two different numbers",
            Self::OptedOut => "the person asked not to be contacted",
            Self::SuppressedPhone => "the phone is on the suppression list",
            Self::SuppressedEmail => "the email is on the suppression list",
            Self::SuppressedDomain => "the email's domain is on the suppression list",
            Self::ConsentRefused => "the person was asked for consent and refused",
            Self::ConsentMissing => "no consent was sent, and a source requires it",
            Self::ConsentIncomplete => {
                "the consent lacks a readable time, the version of its text or its page"
            }
            Self::ConsentInFuture => "the consent is dated after it was received",
            Self::ConsentExpired => "the consent is older than a source allows",
            Self::ConsentForOtherPhone => "the consent was sent with another phone",
            Self::Newer(_) => "it has a reason that only a newer version of Leadgate knows",
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::TestLead => "test_lead",
            Self::PhoneMissing => "phone_missing",
            Self::NoContact => "no_contact",
            Self::PhoneInvalid => "phone_invalid",
            Self::PhoneAmbiguous => "phone_ambiguous",
            Self::OptedOut => "opted_out",
            Self::SuppressedPhone => "suppressed_phone",
            Self::SuppressedEmail => "suppressed_email",
            Self::SuppressedDomain => "suppressed_domain",
            Self::ConsentRefused => "consent_refused",
            Self::ConsentMissing => "consent_missing",
            Self::ConsentIncomplete => "consent_incomplete",
            Self::ConsentInFuture => "consent_in_future",
            Self::ConsentExpired => "consent_expired",
            Self::ConsentForOtherPhone => "consent_for_other_phone",
            Self::Newer(UnknownCode(code)) => code,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = Cow::<str>::deserialize(deserializer)?;
        Ok(code.parse().unwrap_or_else(|_| Self::Newer(UnknownCode::intern(&code))))
    }
}

impl FromStr for Reason {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|reason| reason.as_str() == text);
        known.ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|reason| reason.as_str()).collect();
            format!("not a reason; expected one of {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_lists_exactly_the_known_reasons() {
        let page = include_str!("../../../../docs/reasons.md");
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        let mut listed: Vec<_> = rows.map(|(code, _)| code).collect();
        let mut known: Vec<_> = Reason::ALL.map(Reason::as_str).to_vec();
        listed.sort_unstable();
        known.sort_unstable();
        assert_eq!(listed, known);
    }
}
