//! The decision trace of a submission: the verdict, reason and evidence of each stage, the same as sentences,
//! and the part that may be kept after an erasure.
//!
//! A trace may have been stored by another build. Stages and members that this build does not know are kept
//! and written back unchanged. Reading a trace never fails.

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

/// The records of all stages for one submission, at most one for each stage, in the order of [`Stage`]. In
/// JSON it is an object whose members have the names of the stages.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(from = "Map<String, Value>")]
pub struct Trace(Vec<Stage>);

impl Trace {
    /// Adds the record of a stage. It replaces an earlier record of the same stage.
    pub fn record(&mut self, stage: Stage) {
        match self.0.iter_mut().find(|other| other.name() == stage.name()) {
            Some(earlier) => *earlier = stage,
            None => {
                self.0.push(stage);
                self.0.sort_by_key(Stage::kind);
            }
        }
    }

    /// All stages in the order of the pipeline. Stages that this build does not know come last.
    pub fn stages(&self) -> &[Stage] {
        &self.0
    }

    /// The decision about the lead, if there was one.
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

    /// The suppression list entries on which the decision about the lead is based.
    pub fn screen(&self) -> Option<&ScreenTrace> {
        self.0.iter().rev().find_map(|stage| match stage {
            Stage::Screen(screen) | Stage::ScreenLead(screen) => Some(screen),
            _ => None,
        })
    }

    /// Whether the trace is about a new decision for a stored lead. The outcome of the submission did not
    /// change.
    pub fn is_reassessment(&self) -> bool {
        self.0.iter().any(|stage| matches!(stage.kind(), StageName::Reassess | StageName::Reprocess))
    }

    pub fn is_erased(&self) -> bool {
        self.0.iter().any(|stage| stage.kind() == StageName::Erased)
    }

    /// The part of the trace that may be kept after the erasure of the person.
    #[must_use]
    pub fn erased(self, at: Timestamp) -> Self {
        if self.is_erased() {
            return self;
        }
        let mut kept = Self(self.0.into_iter().filter_map(Stage::erased).collect());
        kept.record(Stage::Erased(ErasedAt(at)));
        kept
    }

    /// Only the stages about the submission itself. Of the matched lead they contain only the id.
    #[must_use]
    pub fn without_lead_details(mut self) -> Self {
        self.0.retain(|stage| {
            matches!(
                stage.kind(),
                StageName::Reread
                    | StageName::Normalize
                    | StageName::Screen
                    | StageName::Deduplicate
                    | StageName::Erased
                    | StageName::Quarantine
            )
        });
        self
    }

    /// Without the inferred values: they may be based on values from other submissions of the lead.
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
