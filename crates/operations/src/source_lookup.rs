//! Looks up the source of a request.

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

/// The source with the given id. Without an id, the organization's default native source, which is created if
/// it does not exist.
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

/// A source of the organization. It may be deleted, because its leads stay.
pub async fn find_any(
    store: &Store,
    organization: OrganizationId,
    id: SourceId,
) -> Result<Source, OperationError> {
    store.source(organization, id).await?.ok_or_else(|| OperationError::not_found(ResourceKind::Source, id))
}

/// The source with the given id. Without an id, the organization's default native source. If that is not
/// stored, it is returned as it would be created.
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
    let unsaved_default = || store.new_source(organization, &protocol(Dialect::Native).source_defaults, None);
    Ok(all.into_iter().find(is_default).unwrap_or_else(unsaved_default))
}
