//! Email addresses.

use serde::{Deserialize, Serialize};

/// Why a text is no address that mail could be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum EmailProblem {
    #[error("the email is empty")]
    Empty,
    #[error("the email is longer than 254 characters, or its local part than 64")]
    TooLong,
    #[error("the email is not an address")]
    NotAnAddress,
}

/// Whose domain an address belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmailKind {
    Free,
    Disposable,
    Role,
    Business,
}

/// An address with its domain in lower case. The local part keeps its case (RFC 5321, section 2.4).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Email {
    address: String,
    at: usize,
}

impl Email {
    pub fn parse(raw: &str) -> Result<Self, EmailProblem> {
        let raw = raw.trim();
        if raw.is_empty() {
            return Err(EmailProblem::Empty);
        }
        let (local, domain) = raw.rsplit_once('@').ok_or(EmailProblem::NotAnAddress)?;
        if raw.len() > 254 || local.len() > 64 {
            return Err(EmailProblem::TooLong);
        }
        let options = email_address::Options::default().without_display_text().without_domain_literal();
        email_address::EmailAddress::parse_with_options(raw, options.with_required_tld())
            .map_err(|_| EmailProblem::NotAnAddress)?;
        Ok(Self { address: format!("{local}@{}", domain.to_lowercase()), at: local.len() })
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn local(&self) -> &str {
        self.address.get(..self.at).unwrap_or_default()
    }

    pub fn domain(&self) -> &str {
        self.address.get(self.at + 1..).unwrap_or_default()
    }

    /// The form in which addresses are compared: no mail system of note tells `Ann@` from `ann@`.
    pub fn identity(&self) -> String {
        self.address.to_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_domain_is_lower_cased_and_the_case_never_tells_people_apart() {
        let email = Email::parse("  Ann.Lee@Example.COM ").unwrap();
        assert_eq!(email.address(), "Ann.Lee@example.com");
        assert_eq!((email.local(), email.domain()), ("Ann.Lee", "example.com"));
        assert_eq!(email.identity(), Email::parse("ann.lee@EXAMPLE.com").unwrap().identity());
    }

    #[test]
    fn each_problem_has_its_own_name() {
        assert_eq!(Email::parse(" "), Err(EmailProblem::Empty));
        assert_eq!(Email::parse(&format!("{}@b.com", "a".repeat(65))), Err(EmailProblem::TooLong));
        for raw in [
            "a",
            "a@b",
            "a@@b.com",
            "a b@c.com",
            "a@b..com",
            "a@b.com,c@d.com",
            "Ann <a@b.com>",
            "a@[127.0.0.1]",
            "a@b.com\r\nBcc:x",
            "mailto:a@b.com,",
            "@b.com",
            "a@",
        ] {
            assert_eq!(Email::parse(raw), Err(EmailProblem::NotAnAddress), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn no_text_crashes_the_parser(raw: String) {
            if let Ok(email) = Email::parse(&raw) {
                prop_assert_eq!(format!("{}@{}", email.local(), email.domain()), email.address());
            }
        }
    }
}
