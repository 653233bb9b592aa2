use serde::{Deserialize, Serialize};

use super::extensible::{MaybeKnown, StageRecord};
use crate::QuarantineReason;

/// Why a submission was quarantined outside of the stages of the pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuarantineTrace(pub MaybeKnown<QuarantineReason>);

impl StageRecord for QuarantineTrace {
    fn sentences(&self) -> Vec<String> {
        vec![sentence(&self.0)]
    }

    fn erased(self) -> Option<Self> {
        self.0.erased().map(Self)
    }
}

pub(super) fn sentence(reason: &MaybeKnown<QuarantineReason>) -> String {
    let known = reason.known().map(|known| known.sentence().to_owned());
    format!("It was quarantined: {}.", known.unwrap_or_else(|| reason.words()))
}
