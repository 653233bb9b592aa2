//! Records that keep members which a newer build added.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::sentences::{unknown_members_sentence, words};

/// The operations of every stage record.
pub(super) trait StageRecord: Sized {
    fn sentences(&self) -> Vec<String>;

    /// The record without submitted and inferred values, or `None` if nothing remains.
    fn erased(self) -> Option<Self>;
}

/// A record with the members that a newer build added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Extensible<T> {
    #[serde(flatten)]
    pub known: T,
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl<T> From<T> for Extensible<T> {
    fn from(known: T) -> Self {
        Self { known, other: Map::new() }
    }
}

impl<T: StageRecord> StageRecord for Extensible<T> {
    fn sentences(&self) -> Vec<String> {
        let mut sentences = self.known.sentences();
        sentences.extend(unknown_members_sentence(&self.other));
        sentences
    }

    fn erased(self) -> Option<Self> {
        self.known.erased().map(Self::from)
    }
}

/// A value, or the JSON that a newer build wrote in its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MaybeKnown<T> {
    Known(T),
    Unknown(Value),
}

/// A record within another one.
pub type TraceItem<T> = MaybeKnown<Extensible<T>>;

impl<T> MaybeKnown<T> {
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(known) => Some(known),
            Self::Unknown(_) => None,
        }
    }

    pub fn is(&self, value: &T) -> bool
    where
        T: PartialEq,
    {
        self.known() == Some(value)
    }

    /// The value, if this build knows it and it may be kept after an erasure.
    pub(super) fn erased(self) -> Option<Self> {
        matches!(self, Self::Known(_)).then_some(self)
    }
}

impl<T> TraceItem<T> {
    pub(super) fn erased_item(self) -> Option<Self> {
        match self {
            Self::Known(part) => Some(Self::Known(part.known.into())),
            Self::Unknown(_) => None,
        }
    }

    pub fn record(&self) -> Option<&T> {
        self.known().map(|part| &part.known)
    }
}

impl<T: DeserializeOwned> MaybeKnown<T> {
    /// Parses a code. One that only a newer build knows is kept as it is.
    pub fn parse_code(code: &str) -> Self {
        let code = Value::from(code);
        T::deserialize(&code).map_or_else(|_| Self::Unknown(code.clone()), Self::Known)
    }
}

impl<T: Serialize> MaybeKnown<T> {
    /// The value as text, without the punctuation of JSON.
    pub fn words(&self) -> String {
        words(&serde_json::to_value(self).unwrap_or_default())
    }
}

impl<T> From<T> for MaybeKnown<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl<T> From<T> for TraceItem<T> {
    fn from(record: T) -> Self {
        Self::Known(record.into())
    }
}

/// The items of a list that may be kept after an erasure.
pub(super) fn erased_items<T>(items: Vec<TraceItem<T>>) -> Vec<TraceItem<T>> {
    items.into_iter().filter_map(TraceItem::erased_item).collect()
}
