//! What a worker tells a gateway whose client waits.

use serde::{Deserialize, Serialize};

use crate::{Lead, Outcome, QuarantineReason, SubmissionId};

/// Where a gateway listens for replies. Opaque: the queue made it and knows what it means.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReplyAddress(String);

impl ReplyAddress {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How a submission ended, told once and by no means reliably: whoever does not hear it looks it up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    pub submission: SubmissionId,
    pub outcome: Outcome,
    /// The lead it made or met, as the commit left it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead: Option<Box<Lead>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<QuarantineReason>,
}
