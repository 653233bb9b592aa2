//! A submission that comes out of the quarantine is read once more, by the mapping that its source has by now.

use std::sync::Arc;

use leadgate_dialect::{self as dialect, DecodeError, RepairError};
use leadgate_domain::mapping::MappingFault;
use leadgate_domain::trace::{RereadFault, RereadTrace};
use leadgate_domain::{
    ActiveScoring, ApiKey, CommitAction, Fields, NormalizedSubmission, QuarantineReason, Source, Stage,
    Submission, Trace,
};
use leadgate_pipeline::Pipeline;
use leadgate_store::Snapshot;

/// Whether a released submission has to be read once more: it was never mapped, or otherwise than it would be now.
pub fn needs_reread(submission: &Submission, source: &Source) -> bool {
    submission.release.is_some() && is_outdated(submission, source)
}

/// Whether it was mapped otherwise than it would be now.
fn is_outdated(submission: &Submission, source: &Source) -> bool {
    // No mapping applies to a correction.
    let ours = source.organization == submission.organization && submission.fields.correction.is_none();
    let otherwise = mapping_version(source) != submission.mapping_version;
    ours && (submission.mapping_fault.is_some() || otherwise)
}

/// A stored submission as it would be read today: by the mapping, the settings and the scoring of now.
pub fn reread(submission: Submission, known: &Snapshot, pipeline: &Pipeline) -> NormalizedSubmission {
    let scoring = known.scoring(submission.organization);
    match known.source(submission.source) {
        Some(source) if is_outdated(&submission, &source) => {
            let key = submission.client.key.as_ref().and_then(|id| known.key(id));
            normalize(submission, source, key.as_deref(), scoring, pipeline)
        }
        source => pipeline.normalize(submission, source, scoring),
    }
}

/// Reads it from the bytes that came in, then normalizes it. `key` is the credential it came with.
///
/// What its mapping still fails on goes back as that, what is wrong otherwise as invalid.
pub fn normalize(
    submission: Submission,
    source: Arc<Source>,
    key: Option<&ApiKey>,
    scoring: Arc<ActiveScoring>,
    pipeline: &Pipeline,
) -> NormalizedSubmission {
    let (fields, mapping_fault) = match read(&submission, &source) {
        Ok(mut fields) => {
            fields.is_test |= submission.fields.is_test;
            if let Some(key) = key {
                key.apply_defaults(&mut fields);
            }
            (fields, None)
        }
        Err(RereadError::Mapping(fault)) => (submission.fields.clone(), Some(fault)),
        Err(RereadError::Invalid(faults)) => return invalid(submission, faults),
    };
    let (mapping_version, source_revision) = (mapping_version(&source), source.revision);
    let submission = Submission { fields, mapping_fault, mapping_version, source_revision, ..submission };
    let mut normalized = pipeline.normalize(submission, Some(source), scoring);
    normalized.trace.record(Stage::Remap(RereadTrace::read(mapping_version).into()));
    normalized
}

fn mapping_version(source: &Source) -> Option<u32> {
    source.mapping.as_ref().map(|active| active.version)
}

fn invalid(submission: Submission, faults: Vec<RereadFault>) -> NormalizedSubmission {
    let reason = QuarantineReason::Invalid;
    let mut trace = Trace::default();
    trace.record(Stage::Remap(RereadTrace::refused(reason, faults).into()));
    NormalizedSubmission { submission, disposition: CommitAction::Quarantine(reason), trace }
}

enum RereadError {
    Mapping(MappingFault),
    Invalid(Vec<RereadFault>),
}

fn read(submission: &Submission, source: &Source) -> Result<Fields, RereadError> {
    let of_body = |code| RereadError::Invalid(vec![RereadFault::of_body(code)]);
    dialect::reread(submission, source).map_err(|unmendable| match unmendable {
        RepairError::BodyErased => of_body("broken_raw"),
        RepairError::Document(unreadable) => of_body(unreadable.code()),
        RepairError::Decode(DecodeError::Mapping(fault)) => RereadError::Mapping(fault),
        RepairError::Decode(DecodeError::Empty) => of_body("empty"),
        RepairError::Decode(DecodeError::TooLarge) => of_body("body_too_large"),
        RepairError::Decode(DecodeError::InvalidFields(faults)) => {
            RereadError::Invalid(faults.iter().map(RereadFault::of_field).collect())
        }
    })
}

#[cfg(test)]
mod tests;
