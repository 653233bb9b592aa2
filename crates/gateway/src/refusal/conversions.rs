//! Refusals for the errors of the crates below.

use leadgate_dialect::{AcceptError, DecodeError, RepairError};
use leadgate_operations::OperationError;

use super::Refusal;

/// For a body that is not a lead.
impl From<AcceptError> for Refusal {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::Document(fault) => Self::InvalidDocument(fault),
            AcceptError::Decode(fault) => fault.into(),
        }
    }
}

/// For a body that does not repair a submission.
impl From<RepairError> for Refusal {
    fn from(error: RepairError) -> Self {
        match error {
            RepairError::BodyErased => Self::Internal,
            RepairError::Document(fault) => Self::InvalidDocument(fault),
            RepairError::Decode(fault) => fault.into(),
        }
    }
}

impl From<DecodeError> for Refusal {
    fn from(fault: DecodeError) -> Self {
        match fault {
            DecodeError::Mapping(fault) => Self::Mapping(fault),
            DecodeError::InvalidFields(faults) => Self::InvalidFields(faults),
            DecodeError::Empty => Self::EmptyLead,
            DecodeError::TooLarge => Self::MappedTooLarge,
        }
    }
}

impl From<OperationError> for Refusal {
    fn from(error: OperationError) -> Self {
        match error {
            OperationError::NotFound { .. } => Self::NotFound,
            OperationError::Invalid(detail) => Self::InvalidSettings(detail),
            OperationError::InvalidParameter { name, detail } => {
                Self::InvalidParameter { name, detail: detail.into() }
            }
            OperationError::InvalidFields(faults) => Self::InvalidFields(faults),
            OperationError::Repair(error) => error.into(),
            OperationError::Conflict => Self::Conflict,
            OperationError::Queue(error) => Self::Queue(error),
            OperationError::Store(error) => error.into(),
            OperationError::NoSigningKey | OperationError::Io(_) => Self::Internal,
        }
    }
}
