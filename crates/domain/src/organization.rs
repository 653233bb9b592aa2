//! Tenants.

mod audit;
mod retention;

pub use audit::{Actor, AuditAction, AuditDetail, AuditEntry};
pub use retention::Retention;

use std::sync::Arc;

use crate::{ActiveScoring, OrganizationId, Timestamp};

/// In characters.
const LONGEST_NAME: usize = 100;

/// A tenant. Everything belongs to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    pub id: OrganizationId,
    pub name: String,
    pub created_at: Timestamp,
    /// Since then its keys and URL tokens are refused; `None` for an organization that is enabled.
    pub disabled_at: Option<Timestamp>,
    /// By which its leads are scored.
    pub scoring: Arc<ActiveScoring>,
}

/// Reads the name of an organization, without blanks around it.
///
/// # Errors
/// When it is blank, longer than 100 characters, or contains control characters.
pub fn organization_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    let good = (1..=LONGEST_NAME).contains(&name.chars().count()) && !name.contains(char::is_control);
    if good {
        Ok(name.to_owned())
    } else {
        Err(format!("an organization's name has 1 to {LONGEST_NAME} characters and no control characters"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_characters_that_can_be_printed() {
        for (text, name) in [("acme", "acme"), (" Über & Söhne\n", "Über & Söhne"), ("東京", "東京")]
        {
            assert_eq!(organization_name(text).as_deref(), Ok(name));
        }
        assert!(organization_name(&"ä".repeat(LONGEST_NAME)).is_ok());
        let long = "a".repeat(LONGEST_NAME + 1);
        for text in ["", " \t\n", "\u{a0}", "a\0b", "a\nb", "a\u{1b}[31mb", long.as_str()] {
            assert!(organization_name(text).is_err(), "{text:?}");
        }
    }
}
