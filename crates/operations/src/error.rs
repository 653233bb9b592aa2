use leadgate_domain::validate::FieldFault;
use leadgate_store::StoreError;

/// Why an operation did nothing.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// It is not there, or belongs to another organization.
    #[error("there is no {kind} {id}")]
    NotFound { kind: &'static str, id: String },
    /// What was asked for cannot be done; the sentence says why, and what can.
    #[error("{0}")]
    Invalid(String),
    /// Fields of a lead that cannot be read, each by its name.
    #[error("{}", sentence(.0))]
    Faulty(Vec<FieldFault>),
    /// Another caller changed it at the same time: the same request can be sent again.
    #[error("it was changed by another request at the same time; try again")]
    Conflict,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OperationError {
    pub(crate) fn not_found(kind: &'static str, id: impl ToString) -> Self {
        Self::NotFound { kind, id: id.to_string() }
    }
}

fn sentence(faults: &[FieldFault]) -> String {
    let faults: Vec<_> = faults.iter().map(|fault| format!("{}: {}", fault.pointer, fault.detail)).collect();
    faults.join("; ")
}
