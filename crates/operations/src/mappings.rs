//! Mappings of sources: from the field names of clients to the fields of a lead.

use leadgate_dialect::native::FieldsResponse;
use leadgate_dialect::{DecodeError, MappingSuggestion, protocol};
use leadgate_domain::mapping::Mapping;
use leadgate_domain::{AuditAction, Fields, OrganizationId, Source, SourceId, Submission, SubmissionId};
use leadgate_store::{MappingRecord, Store};
use serde::{Serialize, Serializer};

use crate::error::ResourceKind;
use crate::{ItemLimit, OperationError, ReadLog, sources};

/// The result of a mapping for one body.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MappedBody {
    pub submission: SubmissionId,
    #[serde(flatten)]
    pub result: MappedResult,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MappedResult {
    #[serde(serialize_with = "serialize_as_response")]
    Fields(Box<Fields>),
    /// Why the body is not a lead: a code, or a sentence about the mapping.
    Fault(String),
    /// Values that cannot be read, with pointer and code.
    Faults(Vec<MappedFault>),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MappedFault {
    pub pointer: String,
    pub code: &'static str,
}

/// Serializes the fields as in a response about a submission.
fn serialize_as_response<S: Serializer>(fields: &Fields, serializer: S) -> Result<S::Ok, S::Error> {
    FieldsResponse::from(fields).serialize(serializer)
}

/// Stores a mapping as the next version of the source and activates it. Returns the number of the version.
///
/// # Errors
/// [`OperationError::Invalid`] for an invalid path.
pub async fn set(
    store: &Store,
    organization: OrganizationId,
    source: SourceId,
    mapping: &Mapping,
) -> Result<u32, OperationError> {
    sources::find(store, organization, source).await?;
    mapping.check_paths().map_err(OperationError::Invalid)?;
    let version = store.add_mapping(organization, source, mapping).await?;
    version.ok_or_else(|| OperationError::not_found(ResourceKind::Source, source))
}

/// All versions of a source's mapping, the oldest first.
pub async fn list(
    store: &Store,
    organization: OrganizationId,
    source: SourceId,
    log: &impl ReadLog,
) -> Result<Vec<MappingRecord>, OperationError> {
    sources::find(store, organization, source).await?;
    let all = store.mappings(organization, source).await?;
    let entry = store.entry(organization, AuditAction::MappingsListed).with_target(source);
    log.note_read(entry.with_detail("count", all.len())).await?;
    Ok(all)
}

/// Activates a version. 0 means no mapping.
pub async fn activate(
    store: &Store,
    organization: OrganizationId,
    source: SourceId,
    version: u32,
) -> Result<(), OperationError> {
    let found = sources::find(store, organization, source).await?;
    if found.mapping.map_or(0, |active| active.version) == version {
        return Ok(());
    }
    let exists = store.activate_mapping(organization, source, (version > 0).then_some(version)).await?;
    if exists { Ok(()) } else { Err(OperationError::not_found(ResourceKind::MappingVersion, version)) }
}

/// The result of a mapping for the last submissions of a source. Default: the active mapping. Changes
/// nothing.
pub async fn preview(
    store: &Store,
    organization: OrganizationId,
    source: SourceId,
    mapping: Option<&Mapping>,
    last: ItemLimit,
    log: &impl ReadLog,
) -> Result<Vec<MappedBody>, OperationError> {
    let source = sources::find(store, organization, source).await?;
    mapping.map_or(Ok(()), Mapping::check_paths).map_err(OperationError::Invalid)?;
    let bodies = bodies(store, &source, last, AuditAction::MappingPreviewed, log).await?;
    let mapping = mapping.or(source.mapping.as_ref().map(|active| &active.mapping));
    let mapped =
        |body: &Submission| MappedBody { submission: body.id, result: mapped(body, &source, mapping) };
    Ok(bodies.iter().map(mapped).collect())
}

/// Suggests a mapping from the last bodies of a source. It contains no values of leads. Bodies that are
/// erased or cannot be read are skipped.
pub async fn suggest(
    store: &Store,
    organization: OrganizationId,
    source: SourceId,
    last: ItemLimit,
    log: &impl ReadLog,
) -> Result<MappingSuggestion, OperationError> {
    let source = sources::find(store, organization, source).await?;
    let bodies = bodies(store, &source, last, AuditAction::MappingSuggested, log).await?;
    let read = |submission: &Submission| {
        let body = submission.raw.bytes()?;
        protocol(source.dialect).read_document(&submission.media, &body, submission.query.as_deref()).ok()
    };
    let documents: Vec<_> = bodies.iter().filter_map(read).collect();
    let members: Vec<_> = documents.iter().map(|document| &document.members).collect();
    Ok(MappingSuggestion::from_bodies(&members, source.default_region))
}

async fn bodies(
    store: &Store,
    source: &Source,
    last: ItemLimit,
    action: AuditAction,
    log: &impl ReadLog,
) -> Result<Vec<Submission>, OperationError> {
    let bodies = store.recent_submissions(source.organization, source.id, last.get()).await?;
    let entry = store.entry(source.organization, action).with_target(source.id);
    log.note_read(entry.with_detail("count", bodies.len())).await?;
    Ok(bodies)
}

fn mapped(submission: &Submission, source: &Source, mapping: Option<&Mapping>) -> MappedResult {
    let body = submission.raw.bytes().unwrap_or_default();
    let query = submission.query.as_deref();
    let document = match protocol(source.dialect).read_document(&submission.media, &body, query) {
        Ok(document) => document,
        Err(unreadable) => return MappedResult::Fault(unreadable.code().to_owned()),
    };
    match protocol(source.dialect).decode(&document, mapping) {
        Ok(fields) => MappedResult::Fields(fields.into()),
        Err(DecodeError::Mapping(fault)) => MappedResult::Fault(fault.to_string()),
        Err(DecodeError::Empty) => MappedResult::Fault("empty_lead".to_owned()),
        Err(DecodeError::TooLarge) => MappedResult::Fault("body_too_large".to_owned()),
        Err(DecodeError::InvalidFields(faults)) => {
            let named =
                faults.into_iter().map(|fault| MappedFault { pointer: fault.pointer, code: fault.code });
            MappedResult::Faults(named.collect())
        }
    }
}
