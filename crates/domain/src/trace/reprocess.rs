use serde::{Deserialize, Serialize};

use super::extensible::{MaybeKnown, StageRecord};
use super::sentences::listed;
use crate::ClaimKind;

/// A stored lead was rebuilt from its submissions.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ReprocessTrace {
    /// Identity keys of its submissions that now belong to other leads.
    #[serde(rename = "identity_conflict", skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<MaybeKnown<ClaimKind>>,
}

impl StageRecord for ReprocessTrace {
    fn sentences(&self) -> Vec<String> {
        let mut sentences = vec![
            "The lead was rebuilt from its submissions with the mapping, settings, lists and scoring of that time."
                .to_owned(),
        ];
        let conflicts: Vec<_> = self.conflicts.iter().map(MaybeKnown::words).collect();
        sentences.extend(listed("Identity keys that now belong to other leads", &conflicts));
        sentences
    }

    fn erased(self) -> Option<Self> {
        Some(Self { conflicts: self.conflicts.into_iter().filter_map(MaybeKnown::erased).collect() })
    }
}
