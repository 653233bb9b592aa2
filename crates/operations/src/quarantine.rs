//! The quarantine: submissions that were kept aside are looked at, repaired, released or discarded.

use leadgate_dialect as dialect;
use leadgate_domain::{Actor, AuditAction, BodyFormat, OrganizationId, Submission, Timestamp};
use leadgate_queue::Publisher;
use leadgate_store::{Page, QuarantineEntry, QuarantineState, Store, StoreError};
use serde::Deserialize;
use uuid::Uuid;

use crate::error::ResourceKind;
use crate::{OperationError, ReadLog, sources, text};

/// In characters.
const LONGEST_NOTE: usize = 255;

/// Why an entry is discarded.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiscardRequest {
    pub note: Option<String>,
}

/// An entry that was to be released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseResult {
    /// As it was before.
    pub entry: QuarantineEntry,
    /// False for one that was released or discarded before.
    pub is_published: bool,
}

/// At most `limit` entries, in one state or in any, from the newest to the oldest, beginning after one.
pub async fn page(
    store: &Store,
    organization: OrganizationId,
    state: Option<QuarantineState>,
    after: Option<Uuid>,
    limit: u32,
    log: &impl ReadLog,
) -> Result<Page<QuarantineEntry, Uuid>, OperationError> {
    let page = store.quarantine_entries(organization, state, after, limit).await?;
    let entry = store.entry(organization, AuditAction::QuarantineListed);
    log.note_read(entry.with_detail("count", page.data.len())).await?;
    Ok(page)
}

/// An entry with its submission, to work on it.
pub async fn find(
    store: &Store,
    organization: OrganizationId,
    id: Uuid,
) -> Result<(QuarantineEntry, Submission), OperationError> {
    let found = store.quarantine_entry(organization, id).await?;
    found.ok_or_else(|| OperationError::not_found(ResourceKind::QuarantineEntry, id))
}

/// The same, to be shown.
pub async fn show(
    store: &Store,
    organization: OrganizationId,
    id: Uuid,
    log: &impl ReadLog,
) -> Result<(QuarantineEntry, Submission), OperationError> {
    let found = find(store, organization, id).await?;
    log.note_read(store.entry(organization, AuditAction::QuarantineRead).with_target(id)).await?;
    Ok(found)
}

/// Stores a repaired body for the release of an open entry, if a lead can be made of it. The body that came in is kept.
/// An entry that is not open is returned as it is.
///
/// # Errors
/// [`OperationError::RepairError`] if no lead can be made of it; [`OperationError::Invalid`] if its source is
/// deleted.
pub async fn repair(
    store: &Store,
    (entry, submission): (QuarantineEntry, Submission),
    body: &[u8],
    media: BodyFormat,
) -> Result<QuarantineEntry, OperationError> {
    if entry.state != QuarantineState::Open {
        return Ok(entry);
    }
    let organization = submission.organization;
    let source = match sources::find(store, organization, submission.source).await {
        Err(OperationError::NotFound { .. }) => {
            return Err(OperationError::invalid("its source is gone"));
        }
        found => found?,
    };
    let key = match &submission.client.key {
        Some(key) => store.find_key(key).await?,
        None => None,
    };
    let repaired = dialect::repair(submission, body, media, &source, key.as_ref());
    let repaired = repaired.map_err(OperationError::Repair)?;
    // The audit log names the user.
    let by = match store.actor() {
        Actor::CommandLine { .. } => Actor::CommandLine { user: None },
        actor => actor.clone(),
    };
    let stored = store.repair(organization, entry.id, &repaired, &by.to_string()).await?;
    stored.ok_or_else(|| OperationError::not_found(ResourceKind::QuarantineEntry, entry.id))
}

/// Publishes the submission of an open entry once more. However often it is asked for, the entry is released once.
///
/// # Errors
/// [`OperationError::Queue`] if the queue does not take it: then it can be released again.
pub async fn release(
    store: &Store,
    (entry, submission): (QuarantineEntry, Submission),
    publisher: &Publisher,
    log: &impl ReadLog,
) -> Result<ReleaseResult, OperationError> {
    let organization = submission.organization;
    let audited = store.entry(organization, AuditAction::QuarantineReleased).with_target(entry.id);
    if entry.state != QuarantineState::Open {
        log.note_read(audited.with_detail("answer", entry.state)).await?;
        return Ok(ReleaseResult { entry, is_published: false });
    }
    let released = submission.released_from_quarantine(entry.id, entry.reason, Timestamp::now());
    let message = serde_json::to_vec(&released)
        .map_err(|_| StoreError::Bug("a submission cannot be written as JSON".to_owned()))?;
    // Durable before the release can have an effect.
    store.record(vec![audited]).await?;
    publisher.publish(organization, message.into()).await?;
    Ok(ReleaseResult { entry, is_published: true })
}

/// Gives up an entry. Its submission stays stored. One that is not open is returned as it is.
///
/// # Errors
/// [`OperationError::Invalid`] for a note that is too long.
pub async fn discard(
    store: &Store,
    organization: OrganizationId,
    id: Uuid,
    discard: &DiscardRequest,
) -> Result<QuarantineEntry, OperationError> {
    let note =
        discard.note.as_deref().map(|note| text::trimmed_text("note", note, LONGEST_NOTE)).transpose()?;
    let by = store.actor().to_string();
    let discarded = store.discard(organization, id, &by, note).await?;
    discarded.ok_or_else(|| OperationError::not_found(ResourceKind::QuarantineEntry, id))
}
