//! The quarantine: lists, shows, repairs, releases and discards entries.

use leadgate_dialect as dialect;
use leadgate_domain::{Actor, AuditAction, BodyFormat, OrganizationId, Submission, Timestamp};
use leadgate_queue::Publisher;
use leadgate_store::{Page, QuarantineEntry, QuarantineState, Store, StoreError};
use serde::Deserialize;
use uuid::Uuid;

use crate::error::ResourceKind;
use crate::{OperationError, ReadLog, sources, text};

/// The maximum length of a note, in characters.
const MAX_NOTE_LENGTH: usize = 255;

/// Why an entry is discarded.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiscardRequest {
    pub note: Option<String>,
}

/// The result of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseResult {
    /// The entry before the release.
    pub entry: QuarantineEntry,
    /// False if the entry was already released or discarded.
    pub is_published: bool,
}

/// A page of at most `limit` entries in one state or in all states, the newest first, after a cursor.
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

/// An entry with its submission, for a further operation.
pub async fn find(
    store: &Store,
    organization: OrganizationId,
    id: Uuid,
) -> Result<(QuarantineEntry, Submission), OperationError> {
    let found = store.quarantine_entry(organization, id).await?;
    found.ok_or_else(|| OperationError::not_found(ResourceKind::QuarantineEntry, id))
}

/// The same for display. It adds an audit entry.
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

/// Stores a repaired body for an open entry, if it is a valid lead. The original body is kept. An entry that
/// is not open is returned unchanged.
///
/// # Errors
/// [`OperationError::Repair`] if the body is not a valid lead; [`OperationError::Invalid`] if the source is
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
            return Err(OperationError::invalid(
                "the source of the submission is deleted, so it cannot be repaired; discard the entry",
            ));
        }
        found => found?,
    };
    let key = match &submission.client.key {
        Some(key) => store.find_key(key).await?,
        None => None,
    };
    let repaired = dialect::repair(submission, body, media, &source, key.as_ref());
    let repaired = repaired.map_err(OperationError::Repair)?;
    // The audit log contains the user.
    let by = match store.actor() {
        Actor::CommandLine { .. } => Actor::CommandLine { user: None },
        actor => actor.clone(),
    };
    let stored = store.repair(organization, entry.id, &repaired, &by.to_string()).await?;
    stored.ok_or_else(|| OperationError::not_found(ResourceKind::QuarantineEntry, entry.id))
}

/// Publishes the submission of an open entry again. An entry is released only once, even if the call is
/// repeated.
///
/// # Errors
/// [`OperationError::Queue`] if the queue does not accept the message. Then the release can be repeated.
pub async fn release(
    store: &Store,
    (entry, submission): (QuarantineEntry, Submission),
    publisher: &Publisher,
    log: &impl ReadLog,
) -> Result<ReleaseResult, OperationError> {
    let organization = submission.organization;
    let audit_entry = store.entry(organization, AuditAction::QuarantineReleased).with_target(entry.id);
    if entry.state != QuarantineState::Open {
        log.note_read(audit_entry.with_detail("answer", entry.state)).await?;
        return Ok(ReleaseResult { entry, is_published: false });
    }
    let released = submission.released_from_quarantine(entry.id, entry.reason, Timestamp::now());
    let message = serde_json::to_vec(&released)
        .map_err(|_| StoreError::Bug("a submission cannot be serialized as JSON".to_owned()))?;
    // The audit entry is durable before the release has an effect.
    store.record(vec![audit_entry]).await?;
    publisher.publish(organization, message.into()).await?;
    Ok(ReleaseResult { entry, is_published: true })
}

/// Discards an entry. Its submission stays stored. An entry that is not open is returned unchanged.
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
        discard.note.as_deref().map(|note| text::trimmed_text("note", note, MAX_NOTE_LENGTH)).transpose()?;
    let by = store.actor().to_string();
    let discarded = store.discard(organization, id, &by, note).await?;
    discarded.ok_or_else(|| OperationError::not_found(ResourceKind::QuarantineEntry, id))
}
