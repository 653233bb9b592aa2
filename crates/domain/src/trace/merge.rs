use serde::{Deserialize, Serialize};

use super::part::Record;

/// How much of a submission did not fit into its lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Merge {
    pub custom_fields: usize,
    pub tags: usize,
}

impl Merge {
    pub fn left_nothing_out(&self) -> bool {
        *self == Self::default()
    }
}

impl Record for Merge {
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
