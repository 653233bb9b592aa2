use serde::{Deserialize, Serialize};

use super::extensible::{MaybeKnown, StageRecord};
use super::sentences::listed;
use crate::ClaimKind;

/// That a stored lead was made again from its submissions.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ReprocessTrace {
    /// Keys of its submissions that other leads hold by now.
    #[serde(rename = "identity_conflict", skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<MaybeKnown<ClaimKind>>,
}

impl StageRecord for ReprocessTrace {
    fn sentences(&self) -> Vec<String> {
        let mut sentences = vec![
            "It was read again, by the mapping, the settings, the lists and the scoring of that day."
                .to_owned(),
        ];
        let conflicts: Vec<_> = self.conflicts.iter().map(MaybeKnown::words).collect();
        sentences.extend(listed("Other leads hold what it is known by now", &conflicts));
        sentences
    }

    fn erased(self) -> Option<Self> {
        Some(Self { conflicts: self.conflicts.into_iter().filter_map(MaybeKnown::erased).collect() })
    }
}
