//! Numbered tags, which clients of KickoffLabs refer to by number.

use leadgate_domain::validate::MAX_TAG_LENGTH;
use leadgate_domain::{AuditAction, AuditEntry, OrganizationId};
use leadgate_store::{Page, Store, Tag};
use serde::Deserialize;

use crate::{OperationError, ReadLog, text};

/// A tag to create.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTag {
    pub name: String,
}

/// The tag with this name. It is created if it does not exist.
///
/// # Errors
/// [`OperationError::Invalid`] for an invalid name.
pub async fn create(store: &Store, organization: OrganizationId, new: NewTag) -> Result<Tag, OperationError> {
    let name = text::trimmed_text("name", &new.name, MAX_TAG_LENGTH)?;
    Ok(store.create_tag(organization, name).await?)
}

/// An organization's tags in the order in which they were created.
pub async fn list(
    store: &Store,
    organization: OrganizationId,
    log: &impl ReadLog,
) -> Result<Vec<Tag>, OperationError> {
    let all = store.tags(organization).await?;
    log.note_read(listed(store, organization, &all)).await?;
    Ok(all)
}

/// A page of at most `limit` tags after a cursor.
pub async fn page(
    store: &Store,
    organization: OrganizationId,
    after: Option<u64>,
    limit: u32,
    log: &impl ReadLog,
) -> Result<Page<Tag, u64>, OperationError> {
    let page = store.tags_page(organization, after, limit).await?;
    log.note_read(listed(store, organization, &page.data)).await?;
    Ok(page)
}

fn listed(store: &Store, organization: OrganizationId, tags: &[Tag]) -> AuditEntry {
    store.entry(organization, AuditAction::TagsListed).with_detail("count", tags.len())
}
