//! Responses for the errors of the store.

use std::borrow::Cow;

use leadgate_store::{StoreError, StoreFailure};

use super::Refusal;

/// An error of the store, and the response to the request that it refuses.
#[derive(Debug)]
pub(crate) struct StoreRefusal {
    pub(super) error: StoreError,
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) detail: Cow<'static, str>,
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(Box::new(StoreRefusal::from(error)))
    }
}

impl From<StoreError> for StoreRefusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable { .. } | StoreError::NotMigrated => {
                Self::like(&Refusal::StoreTimeout, error)
            }
            // The caller has proven that it has the key, which is revoked now.
            StoreError::CreatorRevoked => Self {
                detail: "The API key of this request was revoked. Use another key.".into(),
                ..Self::like(&Refusal::RevokedKey, error)
            },
            // The lead or the source no longer exists.
            StoreError::LeadGone | StoreError::SourceDeleted => Self::like(&Refusal::NotFound, error),
            // A retry does not help. The detail says what to do.
            StoreError::TooMany { .. } => {
                Self { status: 422, code: "too_many", detail: format!("{error}.").into(), error }
            }
            _ => Self::like(&Refusal::Internal, error),
        }
    }
}

impl StoreRefusal {
    fn like(refusal: &Refusal, error: StoreError) -> Self {
        Self { status: refusal.status(), code: refusal.code(), detail: refusal.to_string().into(), error }
    }

    /// Whether the database did not answer in time.
    pub(crate) fn is_timeout(&self) -> bool {
        matches!(self.error.failure(), Some(StoreFailure::Timeout | StoreFailure::NoAnswer))
    }

    /// Whether the key of the request was revoked while the request ran.
    pub(crate) fn is_revoked_key(&self) -> bool {
        self.error == StoreError::CreatorRevoked
    }
}
