//! The fields that a rule can test.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::value::json::has_content;
use crate::{EmailKind, InferenceBasis, Lead, PhoneKind, Region, TextField};

/// A field of a lead, with its name in the native dialect.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ScoringField {
    Phone,
    PhoneValid,
    PhoneKind,
    PhoneRegion,
    Email,
    EmailValid,
    EmailKind,
    EmailDomain,
    Text(TextField),
    Consent,
    ConsentComplete,
    /// The submitted value, or else the value from the URL of the page or its referrer.
    Attribution(String),
    CustomField(String),
    Tags,
    /// A value that is inferred from the browser's request: a member of `device` or of `location`.
    Observed(&'static str, &'static str),
    OptOut,
    IsTest,
}

/// The type of a field's values. It decides which operators can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScoringFieldType {
    /// Present or absent.
    Presence,
    /// True or false.
    Flag,
    /// One of the given codes.
    Enumerated(&'static [&'static str]),
    Region,
    /// A text. If it is inferable, its value can be inferred, so the operator `submitted` is useful.
    Text {
        inferable: bool,
    },
    /// A list of texts.
    Texts,
    /// Arbitrary JSON. `inferable` has the same meaning as for a text.
    Any {
        inferable: bool,
    },
}

/// The value of a field of a lead.
pub(super) enum ScoringFieldValue<'l> {
    Absent,
    Present,
    Flag(bool),
    Text(&'l str),
    Value(&'l Value),
    Tags(&'l Lead),
}

pub(super) const FIELD_NAMES: [(&str, ScoringField); 18] = [
    ("phone", ScoringField::Phone),
    ("phone.valid", ScoringField::PhoneValid),
    ("phone.kind", ScoringField::PhoneKind),
    ("phone.region", ScoringField::PhoneRegion),
    ("email", ScoringField::Email),
    ("email.valid", ScoringField::EmailValid),
    ("email.kind", ScoringField::EmailKind),
    ("email.domain", ScoringField::EmailDomain),
    ("consent", ScoringField::Consent),
    ("consent.complete", ScoringField::ConsentComplete),
    ("tags", ScoringField::Tags),
    ("opt_out", ScoringField::OptOut),
    ("is_test", ScoringField::IsTest),
    ("observed.device", ScoringField::Observed("device", "kind")),
    ("observed.os", ScoringField::Observed("device", "os")),
    ("observed.browser", ScoringField::Observed("device", "browser")),
    ("observed.country", ScoringField::Observed("location", "country")),
    ("observed.state", ScoringField::Observed("location", "state")),
];

const ATTRIBUTION: &str = "attribution";
const CUSTOM_FIELDS: &str = "custom_fields";
const MAX_KEY_LENGTH: usize = 255;

impl ScoringField {
    pub(super) fn field_type(&self) -> ScoringFieldType {
        match self {
            Self::Phone | Self::Email | Self::Consent => ScoringFieldType::Presence,
            Self::PhoneValid | Self::EmailValid | Self::ConsentComplete | Self::OptOut | Self::IsTest => {
                ScoringFieldType::Flag
            }
            Self::PhoneKind => ScoringFieldType::Enumerated(PhoneKind::CODES),
            Self::EmailKind => ScoringFieldType::Enumerated(EmailKind::CODES),
            Self::PhoneRegion => ScoringFieldType::Region,
            Self::EmailDomain | Self::Observed(..) => ScoringFieldType::Text { inferable: false },
            Self::Text(_) => ScoringFieldType::Text { inferable: true },
            Self::Tags => ScoringFieldType::Texts,
            Self::Attribution(_) => ScoringFieldType::Any { inferable: true },
            Self::CustomField(_) => ScoringFieldType::Any { inferable: false },
        }
    }

    pub(super) fn read_value<'l>(&self, lead: &'l Lead) -> ScoringFieldValue<'l> {
        let presence =
            |present: bool| if present { ScoringFieldValue::Present } else { ScoringFieldValue::Absent };
        let text = |value: Option<&'l str>| value.map_or(ScoringFieldValue::Absent, ScoringFieldValue::Text);
        let (phone, email) = (lead.phone.as_ref(), lead.email.as_ref());
        match self {
            Self::Phone => presence(phone.is_some()),
            Self::PhoneValid => ScoringFieldValue::Flag(lead.e164().is_some()),
            Self::PhoneKind => text(phone.and_then(|phone| phone.kind).map(PhoneKind::as_str)),
            Self::PhoneRegion => text(phone.and_then(|phone| phone.region.as_ref()).map(Region::as_str)),
            Self::Email => presence(email.is_some()),
            Self::EmailValid => ScoringFieldValue::Flag(lead.email_address().is_some()),
            Self::EmailKind => text(email.and_then(|email| email.kind).map(EmailKind::as_str)),
            Self::EmailDomain => text(
                lead.email_address().and_then(|address| address.rsplit_once('@')).map(|(_, domain)| domain),
            ),
            Self::Text(field) => text(lead.text_or_inferred(*field)),
            Self::Consent => presence(lead.consent.is_some()),
            Self::ConsentComplete => {
                ScoringFieldValue::Flag(lead.consent.as_ref().is_some_and(|consent| consent.is_complete()))
            }
            Self::Attribution(key) => submitted_attribution(lead, key)
                .or_else(|| page_attribution(lead, key))
                .map_or(ScoringFieldValue::Absent, ScoringFieldValue::Value),
            Self::CustomField(key) => {
                lead.custom_fields.get(key).map_or(ScoringFieldValue::Absent, ScoringFieldValue::Value)
            }
            Self::Tags => ScoringFieldValue::Tags(lead),
            Self::Observed(part, member) => text(observed(lead, part, member)),
            Self::OptOut => ScoringFieldValue::Flag(lead.opt_out),
            Self::IsTest => ScoringFieldValue::Flag(lead.is_test),
        }
    }

    /// Whether the value was submitted, and not only inferred.
    pub(super) fn is_submitted(&self, lead: &Lead) -> bool {
        match self {
            Self::Text(field) => lead.texts.contains_key(field),
            Self::Attribution(key) => submitted_attribution(lead, key).is_some(),
            _ => !self.read_value(lead).is_nothing(),
        }
    }
}

fn submitted_attribution<'l>(lead: &'l Lead, key: &str) -> Option<&'l Value> {
    lead.attribution.as_ref()?.get(key).filter(|value| has_content(value))
}

fn page_attribution<'l>(lead: &'l Lead, key: &str) -> Option<&'l Value> {
    let inferred = lead.inferred.get(key)?;
    matches!(inferred.basis, InferenceBasis::PageUrl | InferenceBasis::Referrer).then_some(&inferred.value)
}

fn observed<'l>(lead: &'l Lead, part: &str, member: &str) -> Option<&'l str> {
    lead.observed.as_ref()?.get(part)?.value.get(member)?.as_str()
}

impl ScoringFieldValue<'_> {
    pub(super) fn is_nothing(&self) -> bool {
        match self {
            Self::Absent => true,
            Self::Present => false,
            Self::Flag(is) => !is,
            Self::Text(text) => text.trim().is_empty(),
            Self::Value(value) => !has_content(value),
            Self::Tags(lead) => lead.tags.is_empty() && lead.derived_tags.is_empty(),
        }
    }
}

impl FromStr for ScoringField {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((_, field)) = FIELD_NAMES.iter().find(|(name, _)| *name == text) {
            return Ok(field.clone());
        }
        if let Some(field) = TextField::ALL.iter().copied().find(|field| field.as_str() == text) {
            return Ok(Self::Text(field));
        }
        let is_key = |key: &str| (1..=MAX_KEY_LENGTH).contains(&key.chars().count()) && !key.contains('\0');
        match text.split_once('.') {
            Some((ATTRIBUTION, key)) if is_key(key) => Ok(Self::Attribution(key.to_owned())),
            Some((CUSTOM_FIELDS, key)) if is_key(key) => Ok(Self::CustomField(key.to_owned())),
            _ => Err(format!(
                "`{text}` is not a field; expected one of {}, {}, {ATTRIBUTION}.KEY, {CUSTOM_FIELDS}.KEY",
                FIELD_NAMES.map(|(name, _)| name).join(", "),
                TextField::ALL.iter().map(|field| field.as_str()).collect::<Vec<_>>().join(", ")
            )),
        }
    }
}

impl fmt::Display for ScoringField {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(field) => formatter.write_str(field.as_str()),
            Self::Attribution(key) => write!(formatter, "{ATTRIBUTION}.{key}"),
            Self::CustomField(key) => write!(formatter, "{CUSTOM_FIELDS}.{key}"),
            other => {
                let name = FIELD_NAMES.iter().find(|(_, field)| field == other);
                formatter.write_str(name.map_or("", |(name, _)| name))
            }
        }
    }
}

impl Serialize for ScoringField {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
