//! Errors that the caller of a command can correct.

use std::process::ExitCode;

use leadgate_operations::OperationError;

/// The arguments, or a file that they name, are wrong. The program exits with 2, as it does for arguments
/// that cannot be parsed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsageError {
    #[error("{0}")]
    Arguments(String),
    /// The other rows were imported, and standard output already has the result.
    #[error("{0} rows or values of the file were refused; the others were imported")]
    RowsRefused(u64),
}

impl UsageError {
    /// `message` says what is wrong, what is expected and what to do.
    pub(crate) fn invalid_arguments(message: impl Into<String>) -> Self {
        Self::Arguments(message.into())
    }

    /// The exit code of a command that failed.
    pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
        let is_correctable = matches!(
            error.downcast_ref(),
            Some(
                OperationError::NotFound { .. }
                    | OperationError::Invalid(_)
                    | OperationError::InvalidParameter { .. }
                    | OperationError::InvalidFields(_)
                    | OperationError::Repair(_)
            )
        );
        if error.is::<Self>() || is_correctable { ExitCode::from(2) } else { ExitCode::FAILURE }
    }
}
