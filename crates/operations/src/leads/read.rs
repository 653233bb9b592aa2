//! Shows, explains and lists leads, and validates bodies without storing them.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use leadgate_dialect::{DecodeError, RepairError, protocol};
use leadgate_domain::{
    AuditAction, AuditEntry, BodyFormat, Correction, Email, Lead, LeadId, NormalizedSubmission,
    OrganizationId, Outcome, Phone, Source, Submission, SubmissionId, Timestamp, Trust,
};
use leadgate_store::{
    ChangeCursor, LeadCursor, LeadFilter, Page, Store, StoreError, SubmissionOrLead, SubmissionPreview,
    SubmissionRecord,
};
use serde::Serialize;
use uuid::Uuid;

use crate::error::ResourceKind;
use crate::{JudgeContext, OperationError, ReadLog};

/// The maximum number of bodies in one validation.
pub const MAX_VALIDATED: usize = 500;

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
    /// The name of its source. `None` for a default source.
    pub source: Option<String>,
    /// Sorted from the oldest to the newest.
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

/// The decisions about a submission and the lead that it created.
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
    let contributors = store.contributors(organization, &[lead]).await?;
    let corrected = contributors.into_iter().filter_map(|contributor| {
        let (submission, at) = (contributor.submission.id, contributor.submission.received_at);
        let Correction { by, reason, .. } = contributor.submission.fields.correction?;
        Some(AppliedCorrection { submission, at, by, reason })
    });
    let mut corrected: Vec<_> = corrected.collect();
    corrected.sort_by_key(|correction| (correction.at, correction.submission));
    Ok(corrected)
}

/// A page of at most `limit` leads that the filter selects, the newest first, after a cursor, see [`Store::leads`].
pub async fn page(
    store: &Store,
    organization: OrganizationId,
    filter: &LeadFilter,
    after: Option<LeadCursor>,
    limit: u32,
    log: &impl ReadLog,
) -> Result<Page<Lead, LeadCursor>, OperationError> {
    let page = store.leads(organization, filter, after, limit).await?;
    let mut entry = store.entry(organization, AuditAction::LeadsListed);
    if *filter != LeadFilter::default() {
        entry = entry.with_detail("filters", filter.names());
    }
    log.note_read(listed(entry, &page.data)).await?;
    Ok(page)
}

/// A page of at most `limit` leads of the organization or of one of its sources in the order of their last changes, see
/// [`Store::changed_leads`]. A page without leads is not a read.
///
/// # Errors
/// [`OperationError::InvalidParameter`] if the filter has other members than the source: a lead that no longer matches
/// would be missing, and a copy of the leads would keep its former state.
pub async fn changes(
    store: &Store,
    organization: OrganizationId,
    filter: &LeadFilter,
    after: Option<ChangeCursor>,
    limit: u32,
    log: &impl ReadLog,
) -> Result<Page<Lead, ChangeCursor>, OperationError> {
    if *filter != LeadFilter::of_source(filter.source) {
        let detail = "Changes of leads can be selected by source only.";
        return Err(OperationError::InvalidParameter { name: "order", detail });
    }
    let page = store.changed_leads(organization, filter.source, after, limit).await?;
    if !page.data.is_empty() {
        let entry = store.entry(organization, AuditAction::LeadsListed).with_detail("order", "changed");
        log.note_read(listed(entry, &page.data)).await?;
    }
    Ok(page)
}

/// The leads with this phone, email or external id, the newest first, and at most `limit`.
///
/// # Errors
/// [`OperationError::Invalid`] if the text is empty.
pub async fn search(
    store: &Store,
    organization: OrganizationId,
    text: &str,
    limit: u32,
    log: &impl ReadLog,
) -> Result<Vec<Lead>, OperationError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(OperationError::invalid("search for a phone, an email or an external id"));
    }
    let all = LeadFilter::default;
    let phone = Phone::parse(text, None).ok().map(|phone| LeadFilter { phone: Some(phone), ..all() });
    let email = Email::parse(text).ok().map(|email| LeadFilter { email: Some(email), ..all() });
    let external_id = LeadFilter { external_id: Some(text.to_owned()), ..all() };
    let mut found = BTreeMap::new();
    for filter in [phone, email, Some(external_id)].into_iter().flatten() {
        let page = store.leads(organization, &filter, None, limit).await?;
        found.extend(page.data.into_iter().map(|lead| (Reverse(lead.id), lead)));
    }
    let found: Vec<Lead> = found.into_values().take(usize::try_from(limit).unwrap_or(usize::MAX)).collect();
    let entry = store.entry(organization, AuditAction::LeadsListed).with_detail("filters", ["text"]);
    log.note_read(listed(entry, &found)).await?;
    Ok(found)
}

/// Adds to an audit entry the number of leads that were read, and the first and the last id.
pub fn listed(entry: AuditEntry, leads: &[Lead]) -> AuditEntry {
    let entry = entry.with_detail("count", leads.len());
    match (leads.first(), leads.last()) {
        (Some(first), Some(last)) => entry.with_detail("first", first.id).with_detail("last", last.id),
        _ => entry,
    }
}

/// The submission that would be created if a server posted this JSON body to the source now. `max_size` is
/// the body limit of a gateway, in bytes.
///
/// # Errors
/// [`OperationError::Invalid`] if the body is larger; [`OperationError::Repair`] if it is not a valid lead.
pub fn draft_submission(source: &Source, body: &[u8], max_size: usize) -> Result<Submission, OperationError> {
    if body.len() > max_size {
        return Err(OperationError::Invalid(format!(
            "the body is too large: at most {max_size} bytes are allowed"
        )));
    }
    let protocol = protocol(source.dialect);
    let document = protocol.read_document(&BodyFormat::Json, body, None);
    let document = document.map_err(RepairError::Document).map_err(OperationError::Repair)?;
    let mapping = source.mapping.as_ref().map(|active| &active.mapping);
    let not_repairable = |why: DecodeError| OperationError::Repair(RepairError::Decode(why));
    let fields = protocol.decode(&document, mapping).map_err(not_repairable)?;
    let id = SubmissionId::from_uuid(Uuid::now_v7());
    let submission = Submission::new(id, source, Timestamp::now(), fields, body);
    let mapping_version = source.mapping.as_ref().map(|active| active.version);
    Ok(Submission { trust: Trust::Secret, mapping_version, ..submission })
}

/// Normalizes submissions like a worker, for [`validate`], on a blocking thread. The source need not be
/// stored.
pub async fn normalize(
    submissions: Vec<Submission>,
    source: &Arc<Source>,
    context: &JudgeContext,
) -> Result<Vec<NormalizedSubmission>, OperationError> {
    let (JudgeContext { snapshot, pipeline }, source) = (context.clone(), Arc::clone(source));
    let normalize = move |submission: Submission| {
        let scoring = snapshot.scoring(submission.organization);
        pipeline.normalize(submission, Some(Arc::clone(&source)), scoring)
    };
    let normalize_all = move || submissions.into_iter().map(normalize).collect();
    Ok(tokio::task::spawn_blocking(normalize_all).await.map_err(|_| StoreError::Panicked)?)
}

/// Judges normalized submissions with the worker's code, independently of each other, and stores nothing. If
/// a submission matches a stored lead, its result contains the stored lead. Pass at most [`MAX_VALIDATED`]
/// submissions at once.
pub async fn validate(
    store: &Store,
    organization: OrganizationId,
    normalized: Vec<NormalizedSubmission>,
    context: &JudgeContext,
    log: &impl ReadLog,
) -> Result<Vec<SubmissionPreview>, OperationError> {
    let previews = store.preview(normalized, context.pipeline.clone()).await?;
    let matched = previews.iter().filter(|one| one.ruling.outcome != Outcome::Created);
    let matched: Vec<_> = matched.filter_map(|one| one.lead.as_ref()).map(|lead| lead.id).collect();
    let entry = store.entry(organization, AuditAction::Validate).with_detail("count", previews.len());
    log.note_read(if matched.is_empty() { entry } else { entry.with_detail("leads", matched) }).await?;
    Ok(previews)
}
