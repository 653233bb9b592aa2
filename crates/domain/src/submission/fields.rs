//! The decoded fields of a submission, before normalization.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::{LeadId, Region, TextValues, TimeProblem, Timestamp, Zone};

/// A change of a value. An explicit null clears the value under the policy `update`. An absent member changes
/// nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Patch<T> {
    #[default]
    Absent,
    Null,
    Value(T),
}

impl<T> Patch<T> {
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    pub fn into_value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }
}

impl<T> Patch<T> {
    /// Sets or clears a setting, or does not change it.
    pub fn apply_to(self, setting: &mut Option<T>) {
        match self {
            Self::Absent => {}
            Self::Null => *setting = None,
            Self::Value(value) => *setting = Some(value),
        }
    }
}

impl<T: Default> Patch<T> {
    /// Changes the value. If there is none, the default is inserted first.
    pub fn modify_or_default<R>(&mut self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut value = match std::mem::take(self) {
            Self::Value(value) => value,
            Self::Absent | Self::Null => T::default(),
        };
        let result = change(&mut value);
        *self = Self::Value(value);
        result
    }
}

impl<T> From<Option<T>> for Patch<T> {
    /// Converts the value of a present member: `None` is null, not absent.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Value)
    }
}

impl<T: Serialize> Serialize for Patch<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::from)
    }
}

/// The text fields of a lead. Each field is merged separately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(strum::IntoStaticStr, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum TextField {
    FullName,
    FirstName,
    LastName,
    Company,
    ExternalId,
    LineId,
    Source,
    State,
    Timezone,
    Locale,
    Currency,
    PageUrl,
}

impl TextField {
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The name of the field in the native dialect, the database and every trace.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Maximum length of a value in characters.
    pub fn max_length(self) -> usize {
        match self {
            Self::PageUrl => 2_048,
            Self::FullName | Self::FirstName | Self::LastName | Self::Company => 500,
            Self::ExternalId | Self::LineId | Self::Source => 255,
            Self::State | Self::Timezone | Self::Locale | Self::Currency => 100,
        }
    }
}

/// The consent of a person: when, to which text, and on which page. 47 CFR 64.1200(f)(9) requires a written
/// agreement; these three values identify it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Consent {
    /// The time as it was sent. [`Consent::parsed_timestamp`] parses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent_timestamp: Option<String>,
    /// The time as read in the time zone of the source, if it was sent without a zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp_read_as: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent_text_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_url: Option<String>,
    /// The person was asked and refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub consent_refused: bool,
    /// Other members of the consent, kept as evidence.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Consent {
    /// The time of consent; `None` if no time was sent.
    pub fn parsed_timestamp(&self) -> Option<Result<Timestamp, TimeProblem>> {
        let text = self.consent_timestamp.as_deref().filter(|text| !text.trim().is_empty())?;
        Some(match (Timestamp::read(text), self.timestamp_read_as) {
            (Err(TimeProblem::NoZone), Some(read)) => Ok(read),
            (read, _) => read,
        })
    }

    /// Reads a time without a zone in the zone of the source. This replaces the result of an earlier call.
    pub fn read_time_in(&mut self, zone: Option<&Zone>) {
        self.timestamp_read_as = None;
        if let (Some(Err(TimeProblem::NoZone)), Some(text), Some(zone)) =
            (self.parsed_timestamp(), &self.consent_timestamp, zone)
        {
            self.timestamp_read_as = Timestamp::read_in(text, zone).ok();
        }
    }

    pub fn consented_at(&self) -> Option<Timestamp> {
        self.parsed_timestamp()?.ok()
    }

    /// Whether the person agreed, and the time, the version of the text and the page are present.
    pub fn is_complete(&self) -> bool {
        let is_present = |part: &Option<String>| part.as_deref().is_some_and(|text| !text.trim().is_empty());
        !self.consent_refused
            && self.consented_at().is_some()
            && is_present(&self.consent_text_version)
            && is_present(&self.source_url)
    }
}

/// Marks a submission by which an operator corrects a lead. It updates that lead, whatever its keys are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    pub lead: LeadId,
    /// The operator, as in the audit log.
    pub by: String,
    pub reason: String,
}

/// The content of a submission after its dialect was decoded.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Fields {
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    pub phone: Patch<String>,
    /// The region for a phone without a country code. It takes precedence over the default region of the
    /// source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_country: Option<Region>,
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    pub email: Patch<String>,
    /// `None` is an explicit null.
    #[serde(default, skip_serializing_if = "TextValues::is_nothing")]
    pub texts: TextValues<Option<String>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    pub consent: Patch<Consent>,
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    pub attribution: Patch<Map<String, Value>>,
    /// Merged per top-level key.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub custom_fields: Map<String, Value>,
    /// Stored as sent.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    pub automations: Patch<Value>,
    /// Stored as sent.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    pub user_assignments: Patch<Value>,
    /// The person asked not to be contacted. Later submissions cannot revoke it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub opt_out: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_test: bool,
    /// The submission must match an existing lead. Otherwise it is quarantined.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub must_exist: bool,
    /// Set only by `operations`; no dialect reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correction: Option<Correction>,
    /// Values that a public credential sent and may not set ([`crate::Trust::remove_untrusted_fields`]), by
    /// field. They are kept and never used.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub untrusted_fields: Map<String, Value>,
    /// Repairs of the body: codes of [`crate::Repair`], or of a newer build.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub repairs: BTreeSet<String>,
    /// Members that a newer build wrote. They are kept and never used.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

impl Fields {
    /// A submitted text that is not blank, trimmed.
    pub fn text(&self, field: TextField) -> Option<&str> {
        self.texts.get(&field)?.as_deref().map(str::trim).filter(|text| !text.is_empty())
    }
}
