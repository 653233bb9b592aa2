//! Email addresses.

use std::collections::BTreeSet;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::text;

/// Why a text is not an address to which mail can be sent.
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

/// The kind of an address.
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
    /// All codes, as [`EmailKind::as_str`] returns them.
    pub const CODES: &[&str] = <Self as strum::VariantNames>::VARIANTS;

    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// RFC 5321, section 4.5.3.1, in bytes. For the domain in ASCII.
const MAX_LOCAL_BYTES: usize = 64;
const MAX_LABEL_BYTES: usize = 63;
const MAX_BYTES: usize = 254;

/// Longer texts are refused without parsing.
const MAX_RAW_BYTES: usize = 2_048;

/// An address in canonical form: the domain in lower case and in ASCII (`xn--mnchen-3ya.de`), the local part
/// composed (NFC) in its original case (RFC 5321, section 2.4).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Email {
    address: String,
    at: usize,
}

impl Email {
    /// Parses an address that was typed, copied or linked. `mailto:`, invisible characters, surrounding white
    /// space and the dot of the DNS root are removed.
    pub fn parse(raw: &str) -> Result<Self, EmailProblem> {
        if raw.trim().len() > MAX_RAW_BYTES {
            return Err(EmailProblem::TooLong);
        }
        let visible = text::visible(raw).replace(['\u{ff20}', '\u{fe6b}'], "@");
        let text = first_address(without_scheme(visible.trim()));
        if text.is_empty() {
            return Err(EmailProblem::Empty);
        }
        let (local, domain) = text.rsplit_once('@').ok_or(EmailProblem::NotAnAddress)?;
        let local: String = local.nfc().collect();
        if local.len() > MAX_LOCAL_BYTES {
            return Err(EmailProblem::LocalTooLong);
        }
        let domain = ascii(domain)?;
        let address = format!("{local}@{domain}");
        if address.len() > MAX_BYTES {
            return Err(EmailProblem::TooLong);
        }
        check_syntax(&local, &domain)?;
        Ok(Self { address, at: local.len() })
    }

    /// Restores a stored result of [`Email::address`].
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

    /// The form in which addresses are compared: in lower case, because common mail systems do not
    /// distinguish `Ann@` from `ann@`. Plus tags and dots are significant.
    pub fn comparison_form(&self) -> String {
        if self.address.is_ascii() {
            return self.address.to_ascii_lowercase();
        }
        self.address.to_lowercase().nfc().collect()
    }

    /// The mailbox of a Gmail address: without the dots of its local part and without a plus tag, which Gmail
    /// ignores, at `gmail.com` instead of `googlemail.com`. `None` for other addresses.
    pub fn gmail_mailbox(&self) -> Option<String> {
        let dotless = self.without_dots()?;
        let (local, _) = dotless.rsplit_once('@')?;
        let mailbox = local.split('+').next().filter(|mailbox| !mailbox.is_empty())?;
        Some(format!("{mailbox}@gmail.com"))
    }

    /// The comparison form of a Gmail address without the dots of its local part; `None` for other addresses.
    /// Google's lists for advertisers use this form (<https://support.google.com/google-ads/answer/7659867>).
    fn without_dots(&self) -> Option<String> {
        let identity = self.comparison_form();
        let (local, domain) = identity.rsplit_once('@')?;
        let is_gmail = matches!(domain, "gmail.com" | "googlemail.com");
        is_gmail.then(|| format!("{}@{domain}", local.replace('.', "")))
    }

    /// Other spellings of a Gmail address from which a list can have made a digest.
    pub(crate) fn gmail_spellings(&self) -> BTreeSet<String> {
        let identity = self.comparison_form();
        let spellings = self.without_dots().into_iter().chain(self.gmail_mailbox());
        spellings.filter(|spelling| *spelling != identity).collect()
    }
}

/// The address of `Ann Lee <ann@acme.example>`, or the first of several addresses.
fn first_address(text: &str) -> &str {
    let text = match text.split_once('<') {
        Some((_, rest)) => rest.split_once('>').map_or(text, |(address, _)| address.trim()),
        None => text,
    };
    if text.matches('@').count() < 2 {
        return text;
    }
    let first = text.split([',', ';']).next().unwrap_or_default().trim();
    // Other text before an address may belong to it, so such a text is kept and refused.
    first.split([' ', '\t']).next().filter(|word| word.contains('@')).map_or(text, without_scheme)
}

/// The address of a `mailto:` link (RFC 6068), without its subject and body.
fn without_scheme(text: &str) -> &str {
    match text.split_at_checked("mailto:".len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("mailto:") => {
            rest.split('?').next().unwrap_or_default().trim()
        }
        _ => text,
    }
}

/// A domain in ASCII (UTS 46, nontransitional, with the characters of STD3), without the dot of the DNS root.
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
        let is_invalid = |label: &str| is_punycode(label) && idna::domain_to_unicode(label).1.is_err();
        let has_invalid_label = domain.split('.').any(is_invalid);
        return Err(if has_invalid_label { EmailProblem::BadPunycode } else { EmailProblem::NotAnAddress });
    };
    let ascii = ascii.strip_suffix('.').unwrap_or(&ascii);
    if ascii.split('.').any(|label| label.len() > MAX_LABEL_BYTES) {
        return Err(EmailProblem::LabelTooLong);
    }
    Ok(ascii.to_owned())
}

/// The ASCII form of a domain that can be part of an email address.
pub(crate) fn ascii_domain(domain: &str) -> Option<String> {
    let domain = ascii(domain).ok()?;
    check_syntax("a", &domain).ok()?;
    Some(domain)
}

fn check_syntax(local: &str, domain: &str) -> Result<(), EmailProblem> {
    let is_invisible = |c: char| !c.is_ascii() && (c.is_whitespace() || c.is_control());
    let is_number = domain.rsplit('.').next().is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()));
    if local.contains(is_invisible) || is_number {
        return Err(EmailProblem::NotAnAddress);
    }
    // RFC 6532 allows all characters beyond ASCII. The crate refuses combining ones, such as half of
    // Devanagari.
    let plain = local.replace(|c: char| !c.is_ascii(), "u");
    let options = email_address::Options::default().without_display_text().without_domain_literal();
    email_address::EmailAddress::parse_with_options(&format!("{plain}@{domain}"), options.with_required_tld())
        .map(|_| ())
        .map_err(|_| EmailProblem::NotAnAddress)
}

#[cfg(test)]
mod tests;
