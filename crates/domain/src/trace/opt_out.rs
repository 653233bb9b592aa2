use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::decide::DecideTrace;
use super::extensible::{MaybeKnown, StageRecord};
use super::score::ScoreTrace;
use crate::LeadId;

/// The leads that an opt-out holds although the submission was not merged into them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct OptOutTrace(pub Vec<MaybeKnown<OptedOutLead>>);

/// The score and the decision of such a lead after the opt-out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OptedOutLead {
    pub lead: LeadId,
    #[serde(flatten)]
    pub score: ScoreTrace,
    #[serde(flatten)]
    pub decision: DecideTrace,
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl StageRecord for OptOutTrace {
    fn sentences(&self) -> Vec<String> {
        let sentence = |lead: &MaybeKnown<OptedOutLead>| match lead {
            MaybeKnown::Known(OptedOutLead { lead, .. }) => {
                format!("The person asked not to be contacted, so the lead {lead} is held.")
            }
            unknown => unknown.words(),
        };
        self.0.iter().map(sentence).collect()
    }

    fn erased(self) -> Option<Self> {
        None
    }
}
