//! Leads are looked at, explained and listed; bodies are judged without being stored.

use std::sync::Arc;

use leadgate_dialect::{DecodeError, RepairError, protocol};
use leadgate_domain::{
    AuditAction, AuditEntry, BodyFormat, Correction, Lead, LeadId, NormalizedSubmission, OrganizationId,
    Outcome, Source, SourceId, Submission, SubmissionId, Timestamp, Trust,
};
use leadgate_store::{
    LeadCursor, Page, Store, StoreError, SubmissionOrLead, SubmissionPreview, SubmissionRecord,
};
use serde::Serialize;
use uuid::Uuid;

use crate::error::ResourceKind;
use crate::{JudgeContext, OperationError, ReadLog};

/// As many bodies are judged at once.
pub const MOST_VALIDATED: usize = 500;

/// A lead by its own id, or by that of any of its submissions.
pub async fn show(
    store: &Store,
    organization: OrganizationId,
    id: Uuid,
    log: &impl ReadLog,
) -> Result<SubmissionOrLead, OperationError> {
    let found = store.find(organization, id).await?;
    let found = found.ok_or_else(|| OperationError::not_found(ResourceKind::Submission, id))?;
    let entry = store.entry(organization, AuditAction::LeadRead).with_target(id);
    log.note_read(entry.with_detail("lead", found.lead.as_ref().map(|lead| lead.id))).await?;
    Ok(found)
}

/// A submission with its history, and the later corrections of the lead that it created.
#[derive(Debug)]
pub struct SubmissionHistory {
    pub record: SubmissionRecord,
    /// The name of its source, unless that is a default one.
    pub source: Option<String>,
    /// The oldest first.
    pub corrections: Vec<AppliedCorrection>,
}

/// A correction of a lead by an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AppliedCorrection {
    pub submission: SubmissionId,
    pub at: Timestamp,
    pub by: String,
    pub reason: String,
}

/// What was decided about a submission and the lead that it created.
pub async fn history(
    store: &Store,
    organization: OrganizationId,
    id: SubmissionId,
    log: &impl ReadLog,
) -> Result<SubmissionHistory, OperationError> {
    let record = store.submission(organization, id).await?;
    let record = record.ok_or_else(|| OperationError::not_found(ResourceKind::Submission, id))?;
    let source = store.source(organization, record.submission.source).await?.and_then(|source| source.name);
    let corrections = corrections(store, organization, LeadId::from_uuid(id.as_uuid())).await?;
    log.note_read(store.entry(organization, AuditAction::SubmissionRead).with_target(id)).await?;
    Ok(SubmissionHistory { record, source, corrections })
}

async fn corrections(
    store: &Store,
    organization: OrganizationId,
    lead: LeadId,
) -> Result<Vec<AppliedCorrection>, OperationError> {
    let makers = store.contributors(organization, &[lead]).await?;
    let corrected = makers.into_iter().filter_map(|maker| {
        let (submission, at) = (maker.submission.id, maker.submission.received_at);
        let Correction { by, reason, .. } = maker.submission.fields.correction?;
        Some(AppliedCorrection { submission, at, by, reason })
    });
    let mut corrected: Vec<_> = corrected.collect();
    corrected.sort_by_key(|one| (one.at, one.submission));
    Ok(corrected)
}

/// At most `limit` leads of the organization, or of one of its sources, from the newest to the oldest, beginning after
/// one.
pub async fn page(
    store: &Store,
    organization: OrganizationId,
    source: Option<SourceId>,
    after: Option<LeadCursor>,
    limit: u32,
    log: &impl ReadLog,
) -> Result<Page<Lead, LeadCursor>, OperationError> {
    let page = store.leads(organization, source, after, limit).await?;
    log.note_read(listed(store.entry(organization, AuditAction::LeadsListed), &page.data)).await?;
    Ok(page)
}

/// Adds to an entry how many leads of a list were read, from which to which.
pub fn listed(entry: AuditEntry, leads: &[Lead]) -> AuditEntry {
    let entry = entry.with_detail("count", leads.len());
    match (leads.first(), leads.last()) {
        (Some(first), Some(last)) => entry.with_detail("first", first.id).with_detail("last", last.id),
        _ => entry,
    }
}

/// A JSON body as the submission that it would be, if a server posted it to the source now. `longest` is what a gateway
/// takes, in bytes.
///
/// # Errors
/// [`OperationError::Invalid`] if it is longer; [`OperationError::RepairError`] if no lead can be made of it.
pub fn draft_submission(source: &Source, body: &[u8], longest: usize) -> Result<Submission, OperationError> {
    if body.len() > longest {
        return Err(OperationError::Invalid(format!("a body has at most {longest} bytes")));
    }
    let protocol = protocol(source.dialect);
    let document = protocol.document(&BodyFormat::Json, body, None);
    let document = document.map_err(RepairError::Document).map_err(OperationError::Repair)?;
    let mapping = source.mapping.as_ref().map(|active| &active.mapping);
    let not_repairable = |why: DecodeError| OperationError::Repair(RepairError::Decode(why));
    let fields = protocol.decode(&document, mapping).map_err(not_repairable)?;
    let id = SubmissionId::from_uuid(Uuid::now_v7());
    let submission = Submission::new(id, source, Timestamp::now(), fields, body);
    let mapping_version = source.mapping.as_ref().map(|active| active.version);
    Ok(Submission { trust: Trust::Secret, mapping_version, ..submission })
}

/// Reads submissions to a source as the worker does, for [`validate`], on a thread where it may take its time. The
/// source need not be stored.
pub async fn normalize(
    submissions: Vec<Submission>,
    source: &Arc<Source>,
    context: &JudgeContext,
) -> Result<Vec<NormalizedSubmission>, OperationError> {
    let (JudgeContext { known, pipeline }, source) = (context.clone(), Arc::clone(source));
    let normalize = move |submission: Submission| {
        let scoring = known.scoring(submission.organization);
        pipeline.normalize(submission, Some(Arc::clone(&source)), scoring)
    };
    let normalize_all = move || submissions.into_iter().map(normalize).collect();
    Ok(tokio::task::spawn_blocking(normalize_all).await.map_err(|_| StoreError::Panicked)?)
}

/// Judges normalized submissions by the worker's own code, each for itself, and stores nothing. A lead that one would
/// only meet is in its result as it is stored. Long lists go in parts of at most [`MOST_VALIDATED`].
pub async fn validate(
    store: &Store,
    organization: OrganizationId,
    normalized: Vec<NormalizedSubmission>,
    context: &JudgeContext,
    log: &impl ReadLog,
) -> Result<Vec<SubmissionPreview>, OperationError> {
    let previews = store.preview(normalized, context.pipeline.clone()).await?;
    let met = previews.iter().filter(|one| one.ruling.outcome != Outcome::Created);
    let met: Vec<_> = met.filter_map(|one| one.lead.as_ref()).map(|lead| lead.id).collect();
    let entry = store.entry(organization, AuditAction::Validate).with_detail("count", previews.len());
    log.note_read(if met.is_empty() { entry } else { entry.with_detail("leads", met) }).await?;
    Ok(previews)
}
