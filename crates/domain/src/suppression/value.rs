//! Values of suppression lists: plain values and digests.

use std::fmt;

use super::{SuppressionForm, SuppressionKey, SuppressionKind};
use crate::contact::email::ascii_domain;
use crate::credential::secret::MatchKey;
use crate::{Email, EmailProblem, OrganizationId, Phone, PhoneProblem, Region, Sha256Digest, canonical_e164};

/// Why a text cannot be suppressed. The error never contains the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SuppressedValueProblem {
    #[error(transparent)]
    Phone(#[from] PhoneProblem),
    #[error(transparent)]
    Email(#[from] EmailProblem),
    #[error("not a domain (expected one such as example.com)")]
    NotADomain,
    #[error("the domain is a public suffix, such as co.uk; suppress a registered domain instead")]
    PublicEnding,
    #[error("not a SHA-256 digest (expected 64 hexadecimal digits)")]
    NotADigest,
    #[error("a domain cannot be suppressed by its SHA-256; send the domain")]
    DigestOfDomain,
}

/// A registered domain or a subdomain, in lower case and ASCII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain(String);

impl Domain {
    /// Parses a domain. A leading `@`, a scheme, `www.` and a path are ignored.
    pub fn parse(raw: &str) -> Result<Self, SuppressedValueProblem> {
        let text = raw.trim();
        let text = text.split_once("://").map_or(text, |(_, rest)| rest);
        let text = text.split(['/', '?', '#']).next().unwrap_or_default();
        let text = text.rsplit_once('@').map_or(text, |(_, domain)| domain);
        let domain = ascii_domain(text).ok_or(SuppressedValueProblem::NotADomain)?;
        let domain = domain.strip_prefix("www.").filter(|rest| rest.contains('.')).unwrap_or(&domain);
        let suffix = psl::suffix(domain.as_bytes()).filter(|suffix| suffix.typ() == Some(psl::Type::Icann));
        if suffix.is_some_and(|suffix| suffix.as_bytes() == domain.as_bytes()) {
            return Err(SuppressedValueProblem::PublicEnding);
        }
        Ok(Self(domain.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A domain and its parent domains with at least two labels.
pub(super) fn with_parent_domains<'d>(domain: &'d str) -> impl Iterator<Item = &'d str> {
    let parent = |domain: &&'d str| -> Option<&'d str> { Some(domain.split_once('.')?.1) };
    std::iter::successors(Some(domain), parent).filter(|domain| domain.contains('.'))
}

/// The value of an entry in the form in which values are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SuppressedValue {
    Phone(Phone),
    Email(Email),
    Domain(Domain),
    /// A phone or an email of which only the digest is known.
    Digest(SuppressionKind, Sha256Digest),
}

impl SuppressedValue {
    /// Parses a plain value. `region` is used for a phone without a country code.
    pub fn parse_kind(
        kind: SuppressionKind,
        raw: &str,
        region: Option<Region>,
    ) -> Result<Self, SuppressedValueProblem> {
        Ok(match kind {
            SuppressionKind::Phone => Self::Phone(Phone::parse(raw, region)?),
            SuppressionKind::Email => Self::Email(Email::parse(raw)?),
            SuppressionKind::Domain => Self::Domain(Domain::parse(raw)?),
        })
    }

    /// Parses a digest of 64 hexadecimal digits: the SHA-256 of a phone as E.164 (with or without its plus)
    /// or as ten digits of the North American plan, or of an email in lower case.
    pub fn digest(kind: SuppressionKind, raw: &str) -> Result<Self, SuppressedValueProblem> {
        if kind == SuppressionKind::Domain {
            return Err(SuppressedValueProblem::DigestOfDomain);
        }
        let digest = Sha256Digest::parse(raw.trim()).ok_or(SuppressedValueProblem::NotADigest)?;
        Ok(Self::Digest(kind, digest))
    }

    pub fn kind(&self) -> SuppressionKind {
        match self {
            Self::Phone(_) => SuppressionKind::Phone,
            Self::Email(_) => SuppressionKind::Email,
            Self::Domain(_) => SuppressionKind::Domain,
            Self::Digest(kind, _) => *kind,
        }
    }

    pub(super) fn form(&self) -> SuppressionForm {
        match self {
            Self::Digest(..) => SuppressionForm::Sha256,
            _ => SuppressionForm::Plain,
        }
    }

    /// All keys under which an entry matches this value.
    pub fn suppression_keys(&self, matching: &MatchKey, organization: OrganizationId) -> Vec<SuppressionKey> {
        match self {
            Self::Phone(phone) => {
                SuppressionKey::keys_for_contact(matching, organization, Some(phone.e164()), None)
            }
            Self::Email(email) => SuppressionKey::keys_for_contact(matching, organization, None, Some(email)),
            Self::Domain(domain) => with_parent_domains(domain.as_str())
                .map(|domain| SuppressionKey::new(matching, organization, SuppressionKind::Domain, domain))
                .collect(),
            Self::Digest(..) => vec![self.key(matching, organization)],
        }
    }

    /// The key under which an entry with this value is stored.
    pub fn key(&self, matching: &MatchKey, organization: OrganizationId) -> SuppressionKey {
        match self {
            Self::Digest(kind, digest) => SuppressionKey::from_digest(matching, organization, *kind, *digest),
            plain => SuppressionKey::new(matching, organization, plain.kind(), &plain.to_string()),
        }
    }
}

impl fmt::Display for SuppressedValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phone(phone) => formatter.write_str(&canonical_e164(phone.e164())),
            Self::Email(email) => formatter.write_str(&email.comparison_form()),
            Self::Domain(domain) => formatter.write_str(domain.as_str()),
            Self::Digest(_, digest) => fmt::Display::fmt(digest, formatter),
        }
    }
}
