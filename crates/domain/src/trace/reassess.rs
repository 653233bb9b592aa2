use serde::{Deserialize, Serialize};

use super::part::Record;

/// Why a lead was decided again without a new submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reassess(pub String);

impl Reassess {
    pub fn suppression_lists_changed() -> Self {
        Self("suppression lists changed".to_owned())
    }
}

impl Record for Reassess {
    fn sentences(&self) -> Vec<String> {
        vec![format!("No new submission: the lead was decided again because {}.", self.0)]
    }

    fn erased(self) -> Option<Self> {
        Some(self)
    }
}
