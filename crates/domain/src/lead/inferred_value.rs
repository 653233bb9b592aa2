//! What was inferred and not said.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::UnknownCode;

/// What an inferred value follows from. The codes are part of the API and of every trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InferenceBasis {
    /// The full name, taken apart.
    FullName,
    /// First and last name, put together.
    NameParts,
    /// The first digits of the number: where it was first assigned, not where its owner is.
    PhonePrefix,
    /// The part of the email's domain that somebody registered.
    EmailDomain,
    /// The query of the page's address.
    PageUrl,
    /// The page from which the person came.
    Referrer,
    /// What the browser says it is.
    UserAgent,
    /// The address from which the browser came.
    ClientAddress,
    /// One of a newer build.
    #[serde(untagged)]
    Newer(UnknownCode),
}

/// A value nobody said. It never takes the place of one that was said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InferredValue {
    pub value: Value,
    pub basis: InferenceBasis,
}

impl InferredValue {
    pub fn new(value: impl Into<Value>, basis: InferenceBasis) -> Self {
        Self { value: value.into(), basis }
    }
}
