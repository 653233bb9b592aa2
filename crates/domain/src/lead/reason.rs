//! Why a lead may not be called.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The closed list of what can hold a lead. The codes are part of the API, the database and the metrics.
///
/// A stored lead may have a reason that only a newer build knows: it is kept, and holds the lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Posted with a test key, or marked as a test.
    TestLead,
    /// There is no number to call.
    PhoneMissing,
    /// Neither a phone nor an email was recognized.
    NoContact,
    /// The phone is kept as it came, but no numbering plan has it.
    PhoneInvalid,
    /// The phone can be read as two different numbers.
    PhoneAmbiguous,
    /// The person asked not to be contacted.
    OptedOut,
    /// The phone is on the organization's suppression list.
    SuppressedPhone,
    /// The email is on the organization's suppression list.
    SuppressedEmail,
    /// The email's domain, or one above it, is on the organization's suppression list.
    SuppressedDomain,
    /// The person was asked for consent, and said no.
    ConsentRefused,
    /// The source requires consent, and none was sent.
    ConsentMissing,
    /// Consent was sent without a readable time, the version of the text, or the page it was given on.
    ConsentIncomplete,
    /// Consent is dated later than it was received.
    ConsentInFuture,
    /// Consent is older than a source that the lead came in by allows.
    ConsentExpired,
    /// Consent was sent together with another phone than the lead has by now.
    ConsentForOtherPhone,
    /// One of a newer build.
    Newer(UnknownCode),
}

/// A code that this build does not know, of a reason or of something else that a newer build may have more of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct UnknownCode(&'static str);

impl UnknownCode {
    /// Maximum number of distinct unknown codes; they are kept until the process ends.
    const MOST: usize = 256;
    const LONGEST: usize = 64;
    /// Stands for a code beyond those bounds.
    const OTHER: Self = Self("unknown");

    fn of(text: &str) -> Self {
        static CODES: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
        let mut codes = CODES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(code) = codes.get(text) {
            return Self(code);
        }
        if codes.len() >= Self::MOST || text.len() > Self::LONGEST {
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
        Ok(Self::of(&Cow::<str>::deserialize(deserializer)?))
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

    /// What it means, for people; `docs/reasons.md` says what to do about it.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::TestLead => "it is a test",
            Self::PhoneMissing => "there is no phone to call",
            Self::NoContact => "neither a phone nor an email was recognized",
            Self::PhoneInvalid => "the phone is no number of any numbering plan",
            Self::PhoneAmbiguous => "the phone can be read as two different numbers",
            Self::OptedOut => "the person asked not to be contacted",
            Self::SuppressedPhone => "the phone is on the suppression list",
            Self::SuppressedEmail => "the email is on the suppression list",
            Self::SuppressedDomain => "the email's domain is on the suppression list",
            Self::ConsentRefused => "the person was asked for consent, and said no",
            Self::ConsentMissing => "no consent was sent, and a source requires it",
            Self::ConsentIncomplete => {
                "the consent lacks a readable time, the version of its text or its page"
            }
            Self::ConsentInFuture => "the consent is dated later than it was received",
            Self::ConsentExpired => "the consent is older than a source allows",
            Self::ConsentForOtherPhone => "the consent was given for another phone",
            Self::Newer(_) => {
                "a newer version of Leadgate holds it for a reason that this version does not know"
            }
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
        Ok(code.parse().unwrap_or_else(|_| Self::Newer(UnknownCode::of(&code))))
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
    fn every_reason_is_on_the_page_and_no_other() {
        let page = include_str!("../../../../docs/reasons.md");
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        let mut listed: Vec<_> = rows.map(|(code, _)| code).collect();
        let mut known: Vec<_> = Reason::ALL.map(Reason::as_str).to_vec();
        listed.sort_unstable();
        known.sort_unstable();
        assert_eq!(listed, known);
    }
}
