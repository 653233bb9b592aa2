//! Email addresses.

use std::collections::BTreeSet;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::text;

/// Why a text is no address that mail could be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum EmailProblem {
    #[error("the email is empty")]
    Empty,
    #[error("the email is longer than 254 bytes")]
    TooLong,
    #[error("the part before the @ is longer than 64 bytes")]
    LocalTooLong,
    #[error("a label of the domain is longer than 63 bytes")]
    LabelTooLong,
    #[error("a label of the domain begins with xn-- and is not valid Punycode")]
    BadPunycode,
    #[error("the email is not an email address (expected name@domain)")]
    NotAnAddress,
}

/// Whose domain an address belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(strum::IntoStaticStr, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum EmailKind {
    Free,
    Disposable,
    Role,
    Business,
}

impl EmailKind {
    /// Every code, as [`EmailKind::as_str`] gives it.
    pub const CODES: &[&str] = <Self as strum::VariantNames>::VARIANTS;

    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// RFC 5321, section 4.5.3.1, in bytes; for the domain as it is looked up.
const LONGEST_LOCAL: usize = 64;
const LONGEST_LABEL: usize = 63;
const LONGEST: usize = 254;

/// Nothing longer becomes an address by being written properly; it is not looked at.
const LONGEST_WRITTEN: usize = 2_048;

/// An address in one spelling: the domain in lower case and in ASCII (`xn--mnchen-3ya.de`), as mail is sent
/// to it and whichever way it was written; the local part composed (NFC), in the case in which it came (RFC
/// 5321, section 2.4).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Email {
    address: String,
    at: usize,
}

impl Email {
    /// Reads an address as it is typed, copied or linked to: `mailto:`, invisible characters, white space
    /// around it and the root's dot after it are no part of it.
    pub fn parse(raw: &str) -> Result<Self, EmailProblem> {
        if raw.trim().len() > LONGEST_WRITTEN {
            return Err(EmailProblem::TooLong);
        }
        let visible = text::visible(raw).replace(['\u{ff20}', '\u{fe6b}'], "@");
        let written = first_address(without_scheme(visible.trim()));
        if written.is_empty() {
            return Err(EmailProblem::Empty);
        }
        let (local, domain) = written.rsplit_once('@').ok_or(EmailProblem::NotAnAddress)?;
        let local: String = local.nfc().collect();
        if local.len() > LONGEST_LOCAL {
            return Err(EmailProblem::LocalTooLong);
        }
        let domain = ascii(domain)?;
        let address = format!("{local}@{domain}");
        if address.len() > LONGEST {
            return Err(EmailProblem::TooLong);
        }
        check_syntax(&local, &domain)?;
        Ok(Self { address, at: local.len() })
    }

    /// An address that [`Email::address`] gave once, and that was kept since.
    pub fn from_stored(address: &str) -> Option<Self> {
        let (local, _) = address.rsplit_once('@')?;
        Some(Self { at: local.len(), address: address.to_owned() })
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

    /// The form in which addresses are compared: no mail system of note tells `Ann@` from `ann@`. Plus tags
    /// and dots are kept apart.
    pub fn comparison_form(&self) -> String {
        if self.address.is_ascii() {
            return self.address.to_ascii_lowercase();
        }
        self.address.to_lowercase().nfc().collect()
    }

    /// The mailbox of an address at Gmail: without the dots in its local part and without what follows a
    /// plus, which Gmail ignores, at `gmail.com`, which is also `googlemail.com`. `None` elsewhere.
    pub fn gmail_mailbox(&self) -> Option<String> {
        let dotless = self.without_dots()?;
        let (local, _) = dotless.rsplit_once('@')?;
        let mailbox = local.split('+').next().filter(|mailbox| !mailbox.is_empty())?;
        Some(format!("{mailbox}@gmail.com"))
    }

    /// The identity of an address at Gmail without the dots in its local part; `None` elsewhere. Google's
    /// lists for advertisers are made so (<https://support.google.com/google-ads/answer/7659867>).
    fn without_dots(&self) -> Option<String> {
        let identity = self.comparison_form();
        let (local, domain) = identity.rsplit_once('@')?;
        let is_gmail = matches!(domain, "gmail.com" | "googlemail.com");
        is_gmail.then(|| format!("{}@{domain}", local.replace('.', "")))
    }

    /// What a list may have digested in place of the identity of an address at Gmail.
    pub(crate) fn gmail_spellings(&self) -> BTreeSet<String> {
        let identity = self.comparison_form();
        let spellings = self.without_dots().into_iter().chain(self.gmail_mailbox());
        spellings.filter(|spelling| *spelling != identity).collect()
    }
}

/// The address of `Ann Lee <ann@acme.example>`, and the first of several.
fn first_address(written: &str) -> &str {
    let written = match written.split_once('<') {
        Some((_, rest)) => rest.split_once('>').map_or(written, |(address, _)| address.trim()),
        None => written,
    };
    if written.matches('@').count() < 2 {
        return written;
    }
    let first = written.split([',', ';']).next().unwrap_or_default().trim();
    // What stands before an address without being one belongs to it, or nobody knows to whom.
    first.split([' ', '\t']).next().filter(|word| word.contains('@')).map_or(written, without_scheme)
}

/// The address of a link (RFC 6068), without the subject and the text that it may bring along.
fn without_scheme(written: &str) -> &str {
    match written.split_at_checked("mailto:".len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("mailto:") => {
            rest.split('?').next().unwrap_or_default().trim()
        }
        _ => written,
    }
}

/// A domain as it is looked up (UTS 46, nontransitional, with STD3's characters), without the root's dot.
fn ascii(domain: &str) -> Result<String, EmailProblem> {
    let converted = Uts46::new().to_ascii(
        domain.as_bytes(),
        AsciiDenyList::STD3,
        Hyphens::CheckFirstLast,
        DnsLength::Ignore,
    );
    let Ok(ascii) = converted else {
        let is_punycode =
            |label: &str| label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--"));
        let bad = |label: &str| is_punycode(label) && idna::domain_to_unicode(label).1.is_err();
        let fault = domain.split('.').any(bad);
        return Err(if fault { EmailProblem::BadPunycode } else { EmailProblem::NotAnAddress });
    };
    let ascii = ascii.strip_suffix('.').unwrap_or(&ascii);
    if ascii.split('.').any(|label| label.len() > LONGEST_LABEL) {
        return Err(EmailProblem::LabelTooLong);
    }
    Ok(ascii.to_owned())
}

/// A domain that can stand behind an `@`, as it is looked up.
pub(crate) fn ascii_domain(domain: &str) -> Option<String> {
    let domain = ascii(domain).ok()?;
    check_syntax("a", &domain).ok()?;
    Some(domain)
}

fn check_syntax(local: &str, domain: &str) -> Result<(), EmailProblem> {
    let unseen = |c: char| !c.is_ascii() && (c.is_whitespace() || c.is_control());
    let is_number = domain.rsplit('.').next().is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()));
    if local.contains(unseen) || is_number {
        return Err(EmailProblem::NotAnAddress);
    }
    // RFC 6532 takes every character beyond ASCII; the crate refuses those that combine, half of Devanagari.
    let plain = local.replace(|c: char| !c.is_ascii(), "u");
    let options = email_address::Options::default().without_display_text().without_domain_literal();
    email_address::EmailAddress::parse_with_options(&format!("{plain}@{domain}"), options.with_required_tld())
        .map(|_| ())
        .map_err(|_| EmailProblem::NotAnAddress)
}

#[cfg(test)]
mod tests;
