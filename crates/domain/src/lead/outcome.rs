//! How a submission ended.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Every accepted submission has exactly one current outcome, over a history that only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It made a lead.
    Created,
    /// It changed a lead that was there.
    Updated,
    /// It is listed under a lead that was there and changed nothing.
    Linked,
    /// It met a lead that was there, or repeated an idempotency key.
    Duplicate,
    /// It is kept whole, to be repaired and released.
    Quarantined,
}

impl Outcome {
    pub const ALL: [Self; 5] =
        [Self::Created, Self::Updated, Self::Linked, Self::Duplicate, Self::Quarantined];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Linked => "linked",
            Self::Duplicate => "duplicate",
            Self::Quarantined => "quarantined",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Outcome {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|outcome| outcome.as_str() == text);
        known.ok_or_else(|| "not an outcome of this build".to_owned())
    }
}

/// Why a submission is kept aside instead of becoming a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuarantineReason {
    /// The organization or source it names is not there (any more).
    SourceGone,
    /// Its source's mapping could not be applied to it.
    MappingFailed,
    /// It was to change a lead that is there, and there is none.
    NoMatch,
    /// What arrived on the queue breaks a limit that the gateway enforces.
    Invalid,
    /// Its idempotency key was used before, with another body.
    IdempotencyMismatch,
    /// Its id was used before, with another body.
    IdReused,
    /// The database refused its row.
    RowRefused,
    /// It crashed a worker three times.
    Crashed,
    /// It was received before the person was erased. Nothing is left of it.
    Erased,
}

impl QuarantineReason {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SourceGone => "source_gone",
            Self::MappingFailed => "mapping_failed",
            Self::NoMatch => "no_match",
            Self::Invalid => "invalid",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::IdReused => "id_reused",
            Self::RowRefused => "row_refused",
            Self::Crashed => "crashed",
            Self::Erased => "erased",
        }
    }

    /// What it means, for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::SourceGone => "the organization or the source that it names is not there",
            Self::MappingFailed => "its source's mapping could not be applied to it",
            Self::NoMatch => "it was to change a lead that is there, and there is none",
            Self::Invalid => "it breaks a limit that every gateway keeps",
            Self::IdempotencyMismatch => "its idempotency key was used before, with another body",
            Self::IdReused => "its id was used before, with another body",
            Self::RowRefused => "the database refused it",
            Self::Crashed => "it crashed a worker three times",
            Self::Erased => "it was received before the person was erased",
        }
    }
}

impl fmt::Display for QuarantineReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
