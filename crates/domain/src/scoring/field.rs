//! What a rule may ask about.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::value::json::says_something;
use crate::{Basis, EmailKind, Lead, PhoneKind, Region, TextField};

/// Something about a lead, by its name in the native dialect.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Field {
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
    /// Said, or else told by the address of the page or of the page before.
    Attribution(String),
    CustomField(String),
    Tags,
    /// What the browser told: a member of `device` or of `place`.
    Observed(&'static str, &'static str),
    OptOut,
    IsTest,
}

/// What a field's values are, and so by what it can be tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// There or not.
    Thing,
    /// True or false.
    Flag,
    /// One of few.
    Codes(&'static [&'static str]),
    Region,
    /// `said` is whether a lead may have one that nobody said.
    Text {
        said: bool,
    },
    /// Several texts.
    Texts,
    /// Whatever clients send.
    Any {
        said: bool,
    },
}

/// What a lead has there.
pub(super) enum Found<'l> {
    Nothing,
    Something,
    Flag(bool),
    Text(&'l str),
    Value(&'l Value),
    Tags(&'l Lead),
}

pub(super) const NAMED: [(&str, Field); 18] = [
    ("phone", Field::Phone),
    ("phone.valid", Field::PhoneValid),
    ("phone.kind", Field::PhoneKind),
    ("phone.region", Field::PhoneRegion),
    ("email", Field::Email),
    ("email.valid", Field::EmailValid),
    ("email.kind", Field::EmailKind),
    ("email.domain", Field::EmailDomain),
    ("consent", Field::Consent),
    ("consent.complete", Field::ConsentComplete),
    ("tags", Field::Tags),
    ("opt_out", Field::OptOut),
    ("is_test", Field::IsTest),
    ("observed.device", Field::Observed("device", "kind")),
    ("observed.os", Field::Observed("device", "os")),
    ("observed.browser", Field::Observed("device", "browser")),
    ("observed.country", Field::Observed("place", "country")),
    ("observed.state", Field::Observed("place", "state")),
];

const ATTRIBUTION: &str = "attribution";
const CUSTOM_FIELDS: &str = "custom_fields";
const LONGEST_KEY: usize = 255;

impl Field {
    pub(super) fn shape(&self) -> Shape {
        match self {
            Self::Phone | Self::Email | Self::Consent => Shape::Thing,
            Self::PhoneValid | Self::EmailValid | Self::ConsentComplete | Self::OptOut | Self::IsTest => {
                Shape::Flag
            }
            Self::PhoneKind => Shape::Codes(PhoneKind::CODES),
            Self::EmailKind => Shape::Codes(EmailKind::CODES),
            Self::PhoneRegion => Shape::Region,
            Self::EmailDomain | Self::Observed(..) => Shape::Text { said: false },
            Self::Text(_) => Shape::Text { said: true },
            Self::Tags => Shape::Texts,
            Self::Attribution(_) => Shape::Any { said: true },
            Self::CustomField(_) => Shape::Any { said: false },
        }
    }

    pub(super) fn of<'l>(&self, lead: &'l Lead) -> Found<'l> {
        let thing = |there: bool| if there { Found::Something } else { Found::Nothing };
        let text = |found: Option<&'l str>| found.map_or(Found::Nothing, Found::Text);
        let (phone, email) = (lead.phone.as_ref(), lead.email.as_ref());
        match self {
            Self::Phone => thing(phone.is_some()),
            Self::PhoneValid => Found::Flag(lead.e164().is_some()),
            Self::PhoneKind => text(phone.and_then(|phone| phone.kind).map(PhoneKind::as_str)),
            Self::PhoneRegion => text(phone.and_then(|phone| phone.region.as_ref()).map(Region::as_str)),
            Self::Email => thing(email.is_some()),
            Self::EmailValid => Found::Flag(lead.email_address().is_some()),
            Self::EmailKind => text(email.and_then(|email| email.kind).map(EmailKind::as_str)),
            Self::EmailDomain => text(
                lead.email_address().and_then(|address| address.rsplit_once('@')).map(|(_, domain)| domain),
            ),
            Self::Text(field) => text(lead.text_or_inferred(*field)),
            Self::Consent => thing(lead.consent.is_some()),
            Self::ConsentComplete => {
                Found::Flag(lead.consent.as_ref().is_some_and(|consent| consent.is_complete()))
            }
            Self::Attribution(key) => said_in_attribution(lead, key)
                .or_else(|| told_by_a_page(lead, key))
                .map_or(Found::Nothing, Found::Value),
            Self::CustomField(key) => lead.custom_fields.get(key).map_or(Found::Nothing, Found::Value),
            Self::Tags => Found::Tags(lead),
            Self::Observed(part, member) => text(observed(lead, part, member)),
            Self::OptOut => Found::Flag(lead.opt_out),
            Self::IsTest => Found::Flag(lead.is_test),
        }
    }

    /// Whether somebody said it, and it was not only inferred.
    pub(super) fn is_said(&self, lead: &Lead) -> bool {
        match self {
            Self::Text(field) => lead.texts.contains_key(field),
            Self::Attribution(key) => said_in_attribution(lead, key).is_some(),
            _ => !self.of(lead).is_nothing(),
        }
    }
}

fn said_in_attribution<'l>(lead: &'l Lead, key: &str) -> Option<&'l Value> {
    lead.attribution.as_ref()?.get(key).filter(|value| says_something(value))
}

fn told_by_a_page<'l>(lead: &'l Lead, key: &str) -> Option<&'l Value> {
    let told = lead.inferred.get(key)?;
    matches!(told.basis, Basis::PageUrl | Basis::Referrer).then_some(&told.value)
}

fn observed<'l>(lead: &'l Lead, part: &str, member: &str) -> Option<&'l str> {
    lead.observed.as_ref()?.get(part)?.value.get(member)?.as_str()
}

impl Found<'_> {
    pub(super) fn is_nothing(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Something => false,
            Self::Flag(is) => !is,
            Self::Text(text) => text.trim().is_empty(),
            Self::Value(value) => !says_something(value),
            Self::Tags(lead) => lead.tags.is_empty() && lead.derived_tags.is_empty(),
        }
    }
}

impl FromStr for Field {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((_, field)) = NAMED.iter().find(|(name, _)| *name == text) {
            return Ok(field.clone());
        }
        if let Some(field) = TextField::ALL.iter().copied().find(|field| field.as_str() == text) {
            return Ok(Self::Text(field));
        }
        let named = |key: &str| (1..=LONGEST_KEY).contains(&key.chars().count()) && !key.contains('\0');
        match text.split_once('.') {
            Some((ATTRIBUTION, key)) if named(key) => Ok(Self::Attribution(key.to_owned())),
            Some((CUSTOM_FIELDS, key)) if named(key) => Ok(Self::CustomField(key.to_owned())),
            _ => Err(format!(
                "there is no field `{text}`; there are {}, {}, {ATTRIBUTION}.KEY, {CUSTOM_FIELDS}.KEY",
                NAMED.map(|(name, _)| name).join(", "),
                TextField::ALL.iter().map(|field| field.as_str()).collect::<Vec<_>>().join(", ")
            )),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(field) => formatter.write_str(field.as_str()),
            Self::Attribution(key) => write!(formatter, "{ATTRIBUTION}.{key}"),
            Self::CustomField(key) => write!(formatter, "{CUSTOM_FIELDS}.{key}"),
            named => {
                let name = NAMED.iter().find(|(_, field)| field == named);
                formatter.write_str(name.map_or("", |(name, _)| name))
            }
        }
    }
}

impl Serialize for Field {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
