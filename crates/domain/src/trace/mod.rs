//! Why a submission ended as it did: each stage's verdict, reason and evidence, with its sentences and with what may be
//! kept of it after an erasure.
//!
//! A trace is read as it was stored, by this build or by another. What this build does not know is kept and written
//! back as it came, and nothing here fails.

mod decide;
mod deduplicate;
mod enrich;
mod erased;
mod extensible;
mod merge;
mod normalize;
mod opt_out;
mod quarantine;
mod reassess;
mod reprocess;
mod reread;
mod score;
mod screen;
mod sentences;
mod stage;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::Timestamp;

pub use decide::{DecideTrace, RegistryCheck};
pub use deduplicate::{DeduplicateTrace, KeyMatch};
pub use enrich::EnrichTrace;
pub use erased::ErasedAt;
pub use extensible::{Extensible, MaybeKnown, TraceItem};
pub use merge::MergeTrace;
pub use normalize::{ContactVerdict, NormalizeTrace, TextVerdict};
pub use opt_out::{OptOutTrace, OptedOutLead};
pub use quarantine::QuarantineTrace;
pub use reassess::{ReassessReason, ReassessTrace};
pub use reprocess::ReprocessTrace;
pub use reread::{RereadFault, RereadTrace};
pub use score::{RulePoints, ScoreTrace};
pub use screen::{ScreenTrace, SuppressionHit};
pub use sentences::date;
pub use stage::{Stage, StageName, UnknownStage};

/// One compact record per submission, with at most one part of each stage, in the order of [`Stage`]. In JSON it is an
/// object of the parts under the stages' names.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(from = "Map<String, Value>")]
pub struct Trace(Vec<Stage>);

impl Trace {
    /// Writes a stage's part in place of an earlier one of the same stage.
    pub fn record(&mut self, stage: Stage) {
        match self.0.iter_mut().find(|other| other.name() == stage.name()) {
            Some(earlier) => *earlier = stage,
            None => {
                self.0.push(stage);
                self.0.sort_by_key(Stage::kind);
            }
        }
    }

    /// Every stage in the order of the pipeline; those that only another build knows come last.
    pub fn stages(&self) -> &[Stage] {
        &self.0
    }

    /// How the lead was decided, if it was.
    pub fn decide(&self) -> Option<&DecideTrace> {
        self.0.iter().find_map(|stage| match stage {
            Stage::Decide(part) => Some(&part.known),
            _ => None,
        })
    }

    pub fn score(&self) -> Option<&ScoreTrace> {
        self.0.iter().find_map(|stage| match stage {
            Stage::Score(part) => Some(&part.known),
            _ => None,
        })
    }

    /// The entries of suppression lists by which the lead was decided.
    pub fn screen(&self) -> Option<&ScreenTrace> {
        self.0.iter().rev().find_map(|stage| match stage {
            Stage::Screen(screen) | Stage::ScreenLead(screen) => Some(screen),
            _ => None,
        })
    }

    /// Whether a stored lead was decided again, and the outcome of the submission is what it was.
    pub fn is_reassessment(&self) -> bool {
        self.0.iter().any(|stage| matches!(stage.kind(), StageName::Reassess | StageName::Reprocess))
    }

    pub fn is_erased(&self) -> bool {
        self.0.iter().any(|stage| stage.kind() == StageName::Erased)
    }

    /// The part of a trace that may be kept after its person was erased.
    #[must_use]
    pub fn erased(self, at: Timestamp) -> Self {
        if self.is_erased() {
            return self;
        }
        let mut kept = Self(self.0.into_iter().filter_map(Stage::erased).collect());
        kept.record(Stage::Erased(ErasedAt(at)));
        kept
    }

    /// Only what is about the submission itself: nothing of the lead that it met but the lead's id.
    #[must_use]
    pub fn without_lead_details(mut self) -> Self {
        self.0.retain(|stage| {
            matches!(
                stage.kind(),
                StageName::Remap
                    | StageName::Normalize
                    | StageName::Screen
                    | StageName::Deduplicate
                    | StageName::Erased
                    | StageName::Quarantine
            )
        });
        self
    }

    /// Without what follows from everything that its lead said: of that, others may have said a part.
    #[must_use]
    pub fn without_inferred(mut self) -> Self {
        self.0.retain(|stage| stage.kind() != StageName::Enrich);
        self
    }
}

impl From<Map<String, Value>> for Trace {
    fn from(parts: Map<String, Value>) -> Self {
        let mut trace = Self::default();
        for (name, part) in parts {
            trace.record(Stage::read(name, part));
        }
        trace
    }
}

impl Serialize for Trace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|stage| (stage.name(), stage)))
    }
}

#[cfg(test)]
mod tests;
