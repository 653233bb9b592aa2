use serde::{Deserialize, Serialize};

use super::extensible::StageRecord;

/// How much of a submission did not fit into its lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MergeTrace {
    pub custom_fields: usize,
    pub tags: usize,
}

impl MergeTrace {
    pub fn is_complete(&self) -> bool {
        *self == Self::default()
    }
}

impl StageRecord for MergeTrace {
    fn sentences(&self) -> Vec<String> {
        let Self { custom_fields, tags } = self;
        vec![format!(
            "The lead has as much as a lead can have; custom fields left out: {custom_fields}, tags left out: {tags}."
        )]
    }

    fn erased(self) -> Option<Self> {
        None
    }
}
