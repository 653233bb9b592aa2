use std::fmt;

use leadgate_dialect::{self as dialect, DecodeError};
use leadgate_domain::validate::FieldFault;
use leadgate_queue::PublishError;
use leadgate_store::StoreError;

/// Why an operation did nothing, by what the caller should do about it.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// It does not exist, or belongs to another organization. The caller cannot tell which.
    #[error("there is no {kind} {id}")]
    NotFound { kind: ResourceKind, id: String },
    /// The request cannot be carried out; the sentence says why, and what can.
    #[error("{0}")]
    Invalid(String),
    /// Fields of a lead that cannot be read, each by its name.
    #[error("{}", sentence(.0))]
    InvalidFields(Vec<FieldFault>),
    /// No lead can be made of a body.
    #[error("no lead can be made of the body: {}", not_repairable(.0))]
    Repair(dialect::RepairError),
    /// Another caller changed it at the same time: the same request can be sent again.
    #[error("it was changed by another request at the same time; try again")]
    Conflict,
    /// The queue took no message: the same request can be sent again.
    #[error(transparent)]
    Queue(#[from] PublishError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// This installation has no secret to sign an export with.
    #[error("there is no secret to sign with")]
    NoSigningKey,
    /// Reading or writing an export failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// What an id or a number names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceKind {
    Organization,
    Key,
    Source,
    Lead,
    /// A submission, or the lead that it created.
    Submission,
    QuarantineEntry,
    MappingVersion,
    ScoringVersion,
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Organization => "organization",
            Self::Key => "key",
            Self::Source => "source",
            Self::Lead => "lead",
            Self::Submission => "lead or submission",
            Self::QuarantineEntry => "entry of the quarantine",
            Self::MappingVersion => "mapping of version",
            Self::ScoringVersion => "scoring of version",
        })
    }
}

impl OperationError {
    pub(crate) fn not_found(kind: ResourceKind, id: impl ToString) -> Self {
        Self::NotFound { kind, id: id.to_string() }
    }

    pub(crate) fn invalid(sentence: impl Into<String>) -> Self {
        Self::Invalid(sentence.into())
    }
}

fn sentence(faults: &[FieldFault]) -> String {
    let faults: Vec<_> = faults.iter().map(|fault| format!("{}: {}", fault.pointer, fault.detail)).collect();
    faults.join("; ")
}

/// Names and codes only.
fn not_repairable(why: &dialect::RepairError) -> String {
    match why {
        dialect::RepairError::BodyErased => "it is not stored any more".to_owned(),
        dialect::RepairError::Document(fault) => fault.detail().into_owned(),
        dialect::RepairError::Decode(DecodeError::Mapping(fault)) => {
            format!("the mapping does not fit: {fault}")
        }
        dialect::RepairError::Decode(DecodeError::TooLarge) => {
            "the mapping makes more than 256 KB of it".to_owned()
        }
        dialect::RepairError::Decode(DecodeError::Empty) => "it has no field of a lead".to_owned(),
        dialect::RepairError::Decode(DecodeError::InvalidFields(faults)) => sentence(faults),
    }
}
