use serde::{Deserialize, Serialize};

use super::extensible::{MaybeKnown, StageRecord};

/// Why a lead was evaluated again without a new submission.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReassessTrace(pub MaybeKnown<ReassessReason>);

/// A reason, with the text that is stored in the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReassessReason {
    #[serde(rename = "suppression lists changed")]
    SuppressionListsChanged,
}

impl StageRecord for ReassessTrace {
    fn sentences(&self) -> Vec<String> {
        vec![format!("The lead was evaluated again without a new submission, because {}.", self.0.words())]
    }

    fn erased(self) -> Option<Self> {
        self.0.erased().map(Self)
    }
}
