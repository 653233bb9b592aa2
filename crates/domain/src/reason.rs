//! Why a lead may not be called.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The closed list of what can hold a lead. The codes are part of the API, the database and the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Posted with a test key, or marked as a test.
    TestLead,
    /// There is no number to call.
    PhoneMissing,
    /// The phone is kept as it came, but no numbering plan has it.
    PhoneInvalid,
    /// The person asked not to be contacted.
    OptedOut,
    /// The phone is on the organization's suppression list.
    SuppressedPhone,
    /// The email is on the organization's suppression list.
    SuppressedEmail,
    /// The source requires consent, and none was sent.
    ConsentMissing,
    /// Consent was sent without a readable time, the version of the text, or the page it was given on.
    ConsentIncomplete,
}

impl Reason {
    pub const ALL: [Self; 8] = [
        Self::TestLead,
        Self::PhoneMissing,
        Self::PhoneInvalid,
        Self::OptedOut,
        Self::SuppressedPhone,
        Self::SuppressedEmail,
        Self::ConsentMissing,
        Self::ConsentIncomplete,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::TestLead => "test_lead",
            Self::PhoneMissing => "phone_missing",
            Self::PhoneInvalid => "phone_invalid",
            Self::OptedOut => "opted_out",
            Self::SuppressedPhone => "suppressed_phone",
            Self::SuppressedEmail => "suppressed_email",
            Self::ConsentMissing => "consent_missing",
            Self::ConsentIncomplete => "consent_incomplete",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Reason {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|reason| reason.as_str() == text);
        known.ok_or_else(|| "not a reason of this build".to_owned())
    }
}
