//! Reads the original body of a stored submission again, with the current mapping of its source.

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

/// Whether a released submission must be read again, because its mapping failed or another version is active
/// now.
pub fn needs_reread(submission: &Submission, source: &Source) -> bool {
    submission.release.is_some() && is_outdated(submission, source)
}

/// Whether the mapping of a submission failed or is not the active version.
fn is_outdated(submission: &Submission, source: &Source) -> bool {
    // A correction is not mapped.
    let is_mappable =
        source.organization == submission.organization && submission.fields.correction.is_none();
    let has_other_version = mapping_version(source) != submission.mapping_version;
    is_mappable && (submission.mapping_fault.is_some() || has_other_version)
}

/// Normalizes a stored submission with the current mapping, settings and scoring.
pub fn reread(submission: Submission, snapshot: &Snapshot, pipeline: &Pipeline) -> NormalizedSubmission {
    let scoring = snapshot.scoring(submission.organization);
    match snapshot.source(submission.source) {
        Some(source) if is_outdated(&submission, &source) => {
            let key = submission.client.key.as_ref().and_then(|id| snapshot.key(id));
            normalize(submission, source, key.as_deref(), scoring, pipeline)
        }
        source => pipeline.normalize(submission, source, scoring),
    }
}

/// Reads the original body and normalizes it. `key` is the credential of the submission.
///
/// If the mapping still fails, the submission is quarantined with the new fault. Any other fault quarantines
/// it as invalid.
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
    normalized.trace.record(Stage::Reread(RereadTrace::read(mapping_version).into()));
    normalized
}

fn mapping_version(source: &Source) -> Option<u32> {
    source.mapping.as_ref().map(|active| active.version)
}

fn invalid(submission: Submission, faults: Vec<RereadFault>) -> NormalizedSubmission {
    let reason = QuarantineReason::Invalid;
    let mut trace = Trace::default();
    trace.record(Stage::Reread(RereadTrace::refused(reason, faults).into()));
    NormalizedSubmission { submission, action: CommitAction::Quarantine(reason), trace }
}

enum RereadError {
    Mapping(MappingFault),
    Invalid(Vec<RereadFault>),
}

fn read(submission: &Submission, source: &Source) -> Result<Fields, RereadError> {
    let of_body = |code| RereadError::Invalid(vec![RereadFault::for_body(code)]);
    dialect::reread(submission, source).map_err(|error| match error {
        RepairError::BodyErased => of_body("broken_raw"),
        RepairError::Document(error) => of_body(error.code()),
        RepairError::Decode(DecodeError::Mapping(fault)) => RereadError::Mapping(fault),
        RepairError::Decode(DecodeError::Empty) => of_body("empty"),
        RepairError::Decode(DecodeError::TooLarge) => of_body("body_too_large"),
        RepairError::Decode(DecodeError::InvalidFields(faults)) => {
            RereadError::Invalid(faults.iter().map(RereadFault::from_field_fault).collect())
        }
    })
}

#[cfg(test)]
mod tests;
