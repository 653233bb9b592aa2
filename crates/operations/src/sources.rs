//! The life of a source: disabled, enabled, deleted.

use leadgate_domain::{ApiKey, OrganizationId, Source, SourceId, Timestamp};
use leadgate_store::Store;

use crate::OperationError;

/// A source of the organization that is not deleted.
pub async fn find(
    store: &Store,
    organization: OrganizationId,
    id: SourceId,
) -> Result<Source, OperationError> {
    let found = store.source(organization, id).await?.filter(|source| source.deleted_at.is_none());
    found.ok_or_else(|| OperationError::not_found("source", id))
}

/// Takes no leads in by it any more. Its keys and tokens stay, and what it has in the queue becomes leads.
pub async fn disable(
    store: &Store,
    organization: OrganizationId,
    id: SourceId,
) -> Result<Source, OperationError> {
    let source = find(store, organization, id).await?;
    if source.disabled_at.is_some() {
        return Ok(source);
    }
    update(store, &Source { disabled_at: Some(Timestamp::now()), ..source }).await
}

/// Takes leads in by it again.
pub async fn enable(
    store: &Store,
    organization: OrganizationId,
    id: SourceId,
) -> Result<Source, OperationError> {
    let source = find(store, organization, id).await?;
    if source.disabled_at.is_none() {
        return Ok(source);
    }
    update(store, &Source { disabled_at: None, ..source }).await
}

/// Revokes its keys and tokens, and lists it no more. Its leads stay, and what it has in the queue goes to the quarantine.
///
/// # Errors
/// [`OperationError::Invalid`] for a default source, which would be made again when it is needed, and while a key of the
/// whole organization is bound to the source.
pub async fn delete(
    store: &Store,
    organization: OrganizationId,
    id: SourceId,
) -> Result<Source, OperationError> {
    let source = find(store, organization, id).await?;
    if source.name.is_none() {
        return Err(OperationError::Invalid(format!(
            "the {} cannot be deleted, because it is created again when it is needed; disable it instead",
            source.title()
        )));
    }
    let keys = store.keys(organization).await?;
    let is_bound = |key: &&ApiKey| key.source == id && key.of_organization && key.revoked_at.is_none();
    if let Some(key) = keys.iter().find(is_bound) {
        return Err(OperationError::Invalid(format!(
            "the key {} is bound to this source and speaks for the whole organization: revoke it first, or disable the \
             source",
            key.id
        )));
    }
    let deleted_at = Some(Timestamp::now());
    update(store, &Source { campaign: None, deleted_at, ..source }).await
}

/// Stores a changed source.
///
/// # Errors
/// [`OperationError::Conflict`] if it was changed since it was read.
pub async fn update(store: &Store, source: &Source) -> Result<Source, OperationError> {
    store.update_source(source).await?.ok_or(OperationError::Conflict)
}
