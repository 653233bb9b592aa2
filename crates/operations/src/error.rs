use std::fmt;

use leadgate_dialect::{self as dialect, DecodeError};
use leadgate_domain::validate::FieldFault;
use leadgate_queue::PublishError;
use leadgate_store::StoreError;

/// Why an operation failed. The variants differ in what the caller should do.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// It does not exist, or belongs to another organization. The caller cannot distinguish the two cases.
    #[error("{kind} {id} does not exist")]
    NotFound { kind: ResourceKind, id: String },
    /// The request cannot be carried out. The sentence says why, and what to do.
    #[error("{0}")]
    Invalid(String),
    /// A parameter that is not valid together with the others. The sentence says why.
    #[error("{detail}")]
    InvalidParameter { name: &'static str, detail: &'static str },
    /// Fields of a lead that cannot be read, with a fault for each.
    #[error("{}", sentence(.0))]
    InvalidFields(Vec<FieldFault>),
    /// A body is not a valid lead.
    #[error("the body is not a valid lead: {}", not_repairable(.0))]
    Repair(dialect::RepairError),
    /// Another caller made a change at the same time. The same request can be sent again.
    #[error("another request made a change at the same time; try again")]
    Conflict,
    /// The queue did not accept the message. The same request can be sent again.
    #[error(transparent)]
    Queue(#[from] PublishError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// This installation has no secret for signing exports.
    #[error("exports cannot be signed, because no secret is configured; set LEADGATE_SECRET")]
    NoSigningKey,
    /// Reading or writing an export failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// The kind of object that an id or a number identifies.
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
    Endpoint,
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Organization => "organization",
            Self::Key => "key",
            Self::Source => "source",
            Self::Endpoint => "endpoint",
            Self::Lead => "lead",
            Self::Submission => "lead or submission",
            Self::QuarantineEntry => "quarantine entry",
            Self::MappingVersion => "mapping version",
            Self::ScoringVersion => "scoring version",
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

/// Contains names and codes, and no values.
fn not_repairable(why: &dialect::RepairError) -> String {
    match why {
        dialect::RepairError::BodyErased => "it is no longer stored".to_owned(),
        dialect::RepairError::Document(fault) => fault.detail().into_owned(),
        dialect::RepairError::Decode(DecodeError::Mapping(fault)) => {
            format!("the mapping cannot be applied: {fault}")
        }
        dialect::RepairError::Decode(DecodeError::TooLarge) => {
            "the mapping turns it into more than 256 KB".to_owned()
        }
        dialect::RepairError::Decode(DecodeError::Empty) => "it contains no field of a lead".to_owned(),
        dialect::RepairError::Decode(DecodeError::InvalidFields(faults)) => sentence(faults),
    }
}
