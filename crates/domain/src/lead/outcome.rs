//! The result of a submission.

use serde::{Deserialize, Serialize};

/// The result of a submission. Every stored submission has exactly one current outcome and a history of
/// earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(strum::IntoStaticStr, strum::Display, strum::EnumString, strum::VariantNames, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = crate::unknown_code::<Self>)]
pub enum Outcome {
    /// The submission created a lead.
    Created,
    /// The submission changed an existing lead.
    Updated,
    /// The submission is linked to an existing lead and changed nothing.
    Linked,
    /// The submission matched an existing lead, or repeated an idempotency key.
    Duplicate,
    /// The submission is stored completely, to be repaired and released by an operator.
    Quarantined,
}

impl Outcome {
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Why a submission is quarantined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(strum::IntoStaticStr, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum QuarantineReason {
    /// The organization or the source does not exist or no longer exists.
    SourceGone,
    /// The mapping of the source could not be applied.
    MappingFailed,
    /// The submission must update an existing lead, and no lead matches.
    NoMatch,
    /// The submission that arrived on the queue exceeds a limit that the gateway enforces.
    Invalid,
    /// The idempotency key was used before with a different body.
    IdempotencyMismatch,
    /// The id was used before with a different body.
    IdReused,
    /// The database refused the row.
    RowRefused,
    /// The submission crashed a worker three times.
    Crashed,
    /// The submission was received before the person was erased. Its content is deleted.
    Erased,
}

impl QuarantineReason {
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The meaning as text.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::SourceGone => "its organization or its source does not exist",
            Self::MappingFailed => "the mapping of its source could not be applied",
            Self::NoMatch => "it must update an existing lead, and no lead matches",
            Self::Invalid => "it exceeds a limit that every gateway enforces",
            Self::IdempotencyMismatch => "its idempotency key was used before with a different body",
            Self::IdReused => "its id was used before with a different body",
            Self::RowRefused => "the database refused its row",
            Self::Crashed => "it crashed a worker three times",
            Self::Erased => "it was received before the person was erased",
        }
    }
}
