//! Responses for the errors of the store.

use std::borrow::Cow;

use leadgate_store::StoreError;

use super::Refusal;

/// The response to a request that the store refused.
pub(super) struct StoreRefusal {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) detail: Cow<'static, str>,
}

impl From<&StoreError> for StoreRefusal {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Unavailable { .. } | StoreError::NotMigrated => Self::like(&Refusal::StoreTimeout),
            // The caller has proven that it has the key, which is revoked now.
            StoreError::CreatorRevoked => Self {
                status: 401,
                code: "revoked_key",
                detail: "The API key of this request was revoked. Use another key.".into(),
            },
            // The lead or the source no longer exists.
            StoreError::LeadGone | StoreError::SourceDeleted => Self::like(&Refusal::NotFound),
            // A retry does not help. The detail says what to do.
            StoreError::TooMany { .. } => {
                Self { status: 422, code: "too_many", detail: format!("{error}.").into() }
            }
            _ => Self::like(&Refusal::Internal),
        }
    }
}

impl StoreRefusal {
    fn like(refusal: &Refusal) -> Self {
        Self { status: refusal.status(), code: refusal.code(), detail: refusal.to_string().into() }
    }
}
