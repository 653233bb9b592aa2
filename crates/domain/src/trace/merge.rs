use serde::{Deserialize, Serialize};

use super::extensible::StageRecord;

/// How many values of a submission were dropped because the lead has reached its maximum size.
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
            "The lead has reached its maximum size. Dropped custom fields: {custom_fields}. Dropped tags: {tags}."
        )]
    }

    fn erased(self) -> Option<Self> {
        None
    }
}
