//! Organizations (tenants), their retention and their audit log.

mod audit;
mod retention;

pub use audit::{Actor, AuditAction, AuditDetail, AuditEntry};
pub use retention::Retention;

use std::sync::Arc;

use crate::{ActiveScoring, OrganizationId, Timestamp};

/// Maximum length in characters.
const MAX_NAME_LENGTH: usize = 100;

/// A tenant. All other records belong to one organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    pub id: OrganizationId,
    pub name: String,
    pub created_at: Timestamp,
    /// When the organization was disabled; `None` if it is enabled. Its keys and URL tokens are refused since
    /// then.
    pub disabled_at: Option<Timestamp>,
    /// The rules that score its leads.
    pub scoring: Arc<ActiveScoring>,
}

/// Parses the name of an organization. Surrounding white space is removed.
///
/// # Errors
/// If the name is blank, is longer than 100 characters, or contains control characters.
pub fn organization_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    let is_valid = (1..=MAX_NAME_LENGTH).contains(&name.chars().count()) && !name.contains(char::is_control);
    if is_valid {
        Ok(name.to_owned())
    } else {
        Err(format!("an organization's name has 1 to {MAX_NAME_LENGTH} characters and no control characters"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_printable_characters() {
        for (text, name) in [("acme", "acme"), (" Über & Söhne\n", "Über & Söhne"), ("東京", "東京")]
        {
            assert_eq!(organization_name(text).as_deref(), Ok(name));
        }
        assert!(organization_name(&"ä".repeat(MAX_NAME_LENGTH)).is_ok());
        let long = "a".repeat(MAX_NAME_LENGTH + 1);
        for text in ["", " \t\n", "\u{a0}", "a\0b", "a\nb", "a\u{1b}[31mb", long.as_str()] {
            assert!(organization_name(text).is_err(), "{text:?}");
        }
    }
}
