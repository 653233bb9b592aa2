//! How a submission ended.

use serde::{Deserialize, Serialize};

/// Every accepted submission has exactly one current outcome, over a history that only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(strum::IntoStaticStr, strum::Display, strum::EnumString, strum::VariantNames, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = crate::unknown_code::<Self>)]
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
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Why a submission is kept aside instead of becoming a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(strum::IntoStaticStr, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
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
        self.into()
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
