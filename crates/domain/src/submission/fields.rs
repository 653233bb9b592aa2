//! What a submission says about a person, in our words, before anything is derived from it.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::{LeadId, Region, TextValues, TimeProblem, Timestamp, Zone};

/// Something that may be said, said to be nothing, or not mentioned. An explicit null is a value: under
/// `update` it erases; what is absent changes nothing.
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
}

impl<T> Patch<T> {
    /// Sets or clears a setting, or leaves it as it is.
    pub fn apply_to(self, setting: &mut Option<T>) {
        match self {
            Self::Absent => {}
            Self::Null => *setting = None,
            Self::Value(value) => *setting = Some(value),
        }
    }
}

impl<T: Default> Patch<T> {
    /// Changes the value, which is made first where there is none.
    pub fn get_or_insert_with<R>(&mut self, change: impl FnOnce(&mut T) -> R) -> R {
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
    /// For what was mentioned: `None` is null, not absent.
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

/// The fields of a lead that are plain text, each merged for itself.
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

    /// The field's name in the native dialect, the database and every trace.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The longest value taken, in characters.
    pub fn max_length(self) -> usize {
        match self {
            Self::PageUrl => 2_048,
            Self::FullName | Self::FirstName | Self::LastName | Self::Company => 500,
            Self::ExternalId | Self::LineId | Self::Source => 255,
            Self::State | Self::Timezone | Self::Locale | Self::Currency => 100,
        }
    }
}

/// What somebody agreed to, when, and where the words were shown (47 CFR 64.1200(f)(9) asks for a written
/// agreement; these three say which one).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Consent {
    /// As sent; [`Consent::time`] reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent_timestamp: Option<String>,
    /// The same in the time zone of its source, where it was sent without a zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp_read_as: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent_text_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_url: Option<String>,
    /// The person was asked, and said no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub consent_refused: bool,
    /// Whatever else was sent with it, kept as evidence.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Consent {
    /// When it was given; `None` if that was not said.
    pub fn parsed_timestamp(&self) -> Option<Result<Timestamp, TimeProblem>> {
        let text = self.consent_timestamp.as_deref().filter(|text| !text.trim().is_empty())?;
        Some(match (Timestamp::read(text), self.timestamp_read_as) {
            (Err(TimeProblem::NoZone), Some(read)) => Ok(read),
            (read, _) => read,
        })
    }

    /// Reads a time without a zone in the one of its source. Whatever was read before counts no longer.
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

    /// Whether the person said yes, and time, text and place are all there.
    pub fn is_complete(&self) -> bool {
        let said = |part: &Option<String>| part.as_deref().is_some_and(|text| !text.trim().is_empty());
        !self.consent_refused
            && self.consented_at().is_some()
            && said(&self.consent_text_version)
            && said(&self.source_url)
    }
}

/// That a submission was made by an operator to correct a lead, which it updates whatever its keys are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    pub lead: LeadId,
    /// Who corrects it, as the audit log names them.
    pub by: String,
    pub reason: String,
}

/// A submission's content after its dialect was understood.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Fields {
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    pub phone: Patch<String>,
    /// Reads a phone without a country code, before the source's default region.
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
    /// The person asked not to be contacted. Once true it stays true, whatever later submissions say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub opt_out: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_test: bool,
    /// Makes no lead: who is not known yet is kept aside.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub must_exist: bool,
    /// Set by `operations` alone; no dialect reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correction: Option<Correction>,
    /// What a public credential sent and may not set ([`crate::Trust::withhold_untrusted_fields`]), by field. Kept,
    /// never used.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub not_trusted: Map<String, Value>,
    /// What was put right in the body before it was read: codes of [`crate::Repair`], or of a newer build.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub repairs: BTreeSet<String>,
    /// What a newer build wrote and this one does not know: kept, never used.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

impl Fields {
    /// A text that was said and is more than white space.
    pub fn text(&self, field: TextField) -> Option<&str> {
        self.texts.get(&field)?.as_deref().map(str::trim).filter(|text| !text.is_empty())
    }
}
