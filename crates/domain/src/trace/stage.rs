use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::extensible::{Extensible, StageRecord};
use super::screen::ScreenedValues;
use super::sentences::words;
use super::{
    DecideTrace, DeduplicateTrace, EnrichTrace, ErasedAt, MergeTrace, NormalizeTrace, OptOutTrace,
    QuarantineTrace, ReassessTrace, ReprocessTrace, RereadTrace, ScoreTrace, ScreenTrace,
};

/// The record of one stage. The order is: why a stored lead was evaluated again, then the stages of the
/// pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, strum::EnumDiscriminants)]
#[serde(untagged)]
#[strum_discriminants(
    name(StageName),
    doc = "The name of a stage in a trace.",
    derive(PartialOrd, Ord, strum::EnumString, strum::IntoStaticStr),
    strum(serialize_all = "snake_case")
)]
pub enum Stage {
    Reassess(ReassessTrace),
    Reprocess(Extensible<ReprocessTrace>),
    Reread(Extensible<RereadTrace>),
    Normalize(Box<Extensible<NormalizeTrace>>),
    /// Matches of the submitted values.
    Screen(ScreenTrace),
    Deduplicate(Box<Extensible<DeduplicateTrace>>),
    Merge(Extensible<MergeTrace>),
    /// Matches of the values of the lead, if they differ from the submitted ones.
    ScreenLead(ScreenTrace),
    Enrich(Extensible<EnrichTrace>),
    Score(Extensible<ScoreTrace>),
    Decide(Extensible<DecideTrace>),
    OptOut(OptOutTrace),
    Erased(ErasedAt),
    Quarantine(QuarantineTrace),
    Unknown(UnknownStage),
}

/// A stage of a newer build, or a stage whose record this build cannot read. The JSON is kept unchanged.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct UnknownStage {
    #[serde(skip)]
    name: String,
    part: Value,
}

impl Stage {
    /// The name under which the stage is stored.
    pub fn name(&self) -> &str {
        match self {
            Self::Unknown(unknown) => &unknown.name,
            known => StageName::from(known).into(),
        }
    }

    /// The stage by its name, even if this build cannot read its record.
    pub(super) fn kind(&self) -> StageName {
        match self {
            Self::Unknown(unknown) => unknown.name.parse().unwrap_or(StageName::Unknown),
            known => known.into(),
        }
    }

    pub(super) fn read(name: String, part: Value) -> Self {
        match name.parse().unwrap_or(StageName::Unknown) {
            StageName::Reassess => known(&part, Self::Reassess),
            StageName::Reprocess => known(&part, Self::Reprocess),
            StageName::Reread => known(&part, Self::Reread),
            StageName::Normalize => known(&part, Self::Normalize),
            StageName::Screen => known(&part, Self::Screen),
            StageName::Deduplicate => known(&part, Self::Deduplicate),
            StageName::Merge => known(&part, Self::Merge),
            StageName::ScreenLead => known(&part, Self::ScreenLead),
            StageName::Enrich => known(&part, Self::Enrich),
            StageName::Score => known(&part, Self::Score),
            StageName::Decide => known(&part, Self::Decide),
            StageName::OptOut => known(&part, Self::OptOut),
            StageName::Erased => known(&part, Self::Erased),
            StageName::Quarantine => known(&part, Self::Quarantine),
            StageName::Unknown => None,
        }
        .unwrap_or(Self::Unknown(UnknownStage { name, part }))
    }

    /// The record as English sentences.
    pub fn sentences(&self) -> Vec<String> {
        match self {
            Self::Reassess(part) => part.sentences(),
            Self::Reprocess(part) => part.sentences(),
            Self::Reread(part) => part.sentences(),
            Self::Normalize(part) => part.sentences(),
            Self::Screen(part) => part.sentences(ScreenedValues::Submission),
            Self::Deduplicate(part) => part.sentences(),
            Self::Merge(part) => part.sentences(),
            Self::ScreenLead(part) => part.sentences(ScreenedValues::Lead),
            Self::Enrich(part) => part.sentences(),
            Self::Score(part) => part.sentences(),
            Self::Decide(part) => part.sentences(),
            Self::OptOut(part) => part.sentences(),
            Self::Erased(part) => part.sentences(),
            Self::Quarantine(part) => part.sentences(),
            Self::Unknown(unknown) => vec![words(&unknown.part)],
        }
    }

    /// The part of the record that may be kept after an erasure: outcomes, reasons and list names, but no
    /// submitted or inferred value. Records that this build does not know are removed.
    pub(super) fn erased(self) -> Option<Self> {
        match self {
            Self::Reassess(part) => part.erased().map(Self::Reassess),
            Self::Reprocess(part) => part.erased().map(Self::Reprocess),
            Self::Reread(part) => part.erased().map(Self::Reread),
            Self::Normalize(part) => part.erased().map(|part| Self::Normalize(part.into())),
            Self::Screen(part) => Some(Self::Screen(part.erased())),
            Self::Deduplicate(part) => part.erased().map(|part| Self::Deduplicate(part.into())),
            Self::Merge(part) => part.erased().map(Self::Merge),
            Self::ScreenLead(part) => Some(Self::ScreenLead(part.erased())),
            Self::Enrich(part) => part.erased().map(Self::Enrich),
            Self::Score(part) => part.erased().map(Self::Score),
            Self::Decide(part) => part.erased().map(Self::Decide),
            Self::OptOut(part) => part.erased().map(Self::OptOut),
            Self::Erased(part) => part.erased().map(Self::Erased),
            Self::Quarantine(part) => part.erased().map(Self::Quarantine),
            Self::Unknown(_) => None,
        }
    }
}

fn known<T: DeserializeOwned>(part: &Value, stage: fn(T) -> Stage) -> Option<Stage> {
    T::deserialize(part).ok().map(stage)
}
