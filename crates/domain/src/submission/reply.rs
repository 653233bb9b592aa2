//! Replies of a worker to a gateway whose client waits for the outcome.

use serde::{Deserialize, Serialize};

use crate::{Lead, Outcome, QuarantineReason, SubmissionId};

/// The address to which replies for a gateway are sent. It is opaque: only the queue interprets it.
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

/// The outcome of a submission. A reply is sent once and may be lost; a gateway without a reply answers 202.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    pub submission: SubmissionId,
    pub outcome: Outcome,
    /// The lead that the submission created or matched, after the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead: Option<Box<Lead>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<QuarantineReason>,
}
