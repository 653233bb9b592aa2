use serde::{Deserialize, Serialize};

use super::extensible::{MaybeKnown, StageRecord};

/// Why a lead was decided again without a new submission.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReassessTrace(pub MaybeKnown<ReassessReason>);

/// A reason in the words of the stored trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReassessReason {
    #[serde(rename = "suppression lists changed")]
    SuppressionListsChanged,
}

impl StageRecord for ReassessTrace {
    fn sentences(&self) -> Vec<String> {
        vec![format!("No new submission: the lead was decided again because {}.", self.0.words())]
    }

    fn erased(self) -> Option<Self> {
        self.0.erased().map(Self)
    }
}
