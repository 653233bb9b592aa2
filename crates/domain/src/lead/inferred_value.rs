//! Values that were inferred and not submitted.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::UnknownCode;

/// The value from which another one was inferred. The codes are part of the API and of every trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InferenceBasis {
    /// The full name, split into its parts.
    FullName,
    /// The first and last name, joined.
    NameParts,
    /// The first digits of the number: where the number was first assigned, not where its owner is.
    PhonePrefix,
    /// The registered part of the email's domain.
    EmailDomain,
    /// The query of the page's URL.
    PageUrl,
    /// The page that linked to the form.
    Referrer,
    /// The `User-Agent` of the browser.
    UserAgent,
    /// The IP address of the browser.
    ClientAddress,
    /// A basis that only a newer build knows.
    #[serde(untagged)]
    Newer(UnknownCode),
}

/// A value that was not submitted. It never replaces a submitted value.
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
