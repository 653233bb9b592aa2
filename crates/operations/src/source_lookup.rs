//! Looks up the source that a request names.

use leadgate_dialect::protocol;
use leadgate_domain::{Dialect, OrganizationId, Source, SourceId};
use leadgate_store::Store;

use crate::OperationError;
use crate::error::ResourceKind;

/// A source of the organization that is not deleted.
pub async fn find(
    store: &Store,
    organization: OrganizationId,
    id: SourceId,
) -> Result<Source, OperationError> {
    let source = find_any(store, organization, id).await?;
    if source.deleted_at.is_none() {
        Ok(source)
    } else {
        Err(OperationError::not_found(ResourceKind::Source, id))
    }
}

/// A source that is named, or the organization's native source, which is created when it is first needed.
pub async fn find_or_create_default(
    store: &Store,
    organization: OrganizationId,
    id: Option<SourceId>,
) -> Result<Source, OperationError> {
    match id {
        Some(id) => find(store, organization, id).await,
        None => {
            Ok(store.ensure_default_source(organization, &protocol(Dialect::Native).source_defaults).await?)
        }
    }
}

/// A source of the organization, deleted or not: its leads stay.
pub async fn find_any(
    store: &Store,
    organization: OrganizationId,
    id: SourceId,
) -> Result<Source, OperationError> {
    store.source(organization, id).await?.ok_or_else(|| OperationError::not_found(ResourceKind::Source, id))
}

/// A source that is named, or the organization's native source: as it would be created, if it is not stored.
pub async fn find_or_default(
    store: &Store,
    organization: OrganizationId,
    id: Option<SourceId>,
) -> Result<Source, OperationError> {
    if let Some(id) = id {
        return find(store, organization, id).await;
    }
    let all = store.sources(organization).await?;
    let is_default = |source: &Source| source.name.is_none() && source.dialect == Dialect::Native;
    let new = || store.new_source(organization, &protocol(Dialect::Native).source_defaults, None);
    Ok(all.into_iter().find(is_default).unwrap_or_else(new))
}
