//! The status of a lead, which operators set.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Maximum length in characters.
const MAX_LENGTH: usize = 40;

/// Codes that responses use for submissions without a lead, or for eligibility. They cannot be a status.
const RESERVED: [&str; 7] = ["queued", "processed", "quarantined", "erased", "deleted", "eligible", "held"];

/// The progress of the work on a lead: `new`, `contacted`, `qualified`, `converted`, `closed`, or a status
/// that the organization's dialler defines, such as `no_answer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LeadStatus(String);

impl LeadStatus {
    /// The statuses that have the same meaning in all installations.
    pub const STANDARD: [&str; 5] = [Self::NEW, "contacted", "qualified", "converted", "closed"];

    /// The status of a lead that has not been worked on.
    pub const NEW: &str = "new";

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_new(&self) -> bool {
        self.0 == Self::NEW
    }
}

impl Default for LeadStatus {
    fn default() -> Self {
        Self(Self::NEW.to_owned())
    }
}

impl FromStr for LeadStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let is_code = text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if RESERVED.contains(&text) {
            return Err(format!(
                "`{text}` is reserved for submissions and eligibility, and cannot be the status of a lead"
            ));
        }
        if is_code && text.len() <= MAX_LENGTH {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "a status has 1 to {MAX_LENGTH} lower-case letters, digits and `_`, and begins with a letter: {} or a \
                 custom one, such as no_answer",
                Self::STANDARD.join(", ")
            ))
        }
    }
}

impl TryFrom<String> for LeadStatus {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<LeadStatus> for String {
    fn from(status: LeadStatus) -> Self {
        status.0
    }
}

impl fmt::Display for LeadStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_short_code() {
        for text in LeadStatus::STANDARD.into_iter().chain(["no_answer", " voicemail_2 ", "a"]) {
            assert_eq!(text.parse::<LeadStatus>().unwrap().as_str(), text.trim());
        }
        let long = "a".repeat(MAX_LENGTH + 1);
        for text in [
            "queued",
            "erased",
            "held",
            "",
            " ",
            "New",
            "2nd",
            "_a",
            "no-answer",
            "no answer",
            "ä",
            "a\0",
            long.as_str(),
        ] {
            assert!(text.parse::<LeadStatus>().is_err(), "{text:?}");
        }
    }
}
