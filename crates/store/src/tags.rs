//! Numbered tags.

use leadgate_domain::{AuditAction, OrganizationId, Timestamp};
use serde::Serialize;

use crate::audit;
use crate::connection::query;
use crate::error::StoreError;
use crate::page::Page;
use crate::quotas;
use crate::store::Store;
use crate::store_transaction::StoreTransaction;

/// A tag of an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tag {
    /// The number of the tag, from 1 within its organization.
    pub id: u64,
    pub name: String,
    pub created_at: Timestamp,
}

impl Store {
    /// The tag with this name. It is created if it does not exist.
    pub async fn create_tag(&self, organization: OrganizationId, name: &str) -> Result<Tag, StoreError> {
        let (name, wanted, created_at) = (name.to_owned(), name.to_owned(), Timestamp::now());
        let found =
            self.read(move |session| query!(session, tags::find_tag_named(organization, &wanted))).await?;
        if let Some(tag) = found {
            return Ok(tag);
        }
        let entry = self.entry(organization, AuditAction::TagCreated);
        self.write(move |session| {
            // Two at once would take the same number.
            StoreTransaction::new(session).lock_exclusive(organization)?;
            if let Some(tag) = query!(session, tags::find_tag_named(organization, &name))? {
                return Ok(tag);
            }
            let tag = query!(session, tags::insert_tag(organization, &name, created_at))?;
            quotas::TAGS.check(tag.id)?;
            audit::record(session, &[entry.clone().with_target(tag.id)])?;
            Ok(tag)
        })
        .await
    }

    /// The tags of an organization in the order of their creation.
    pub async fn tags(&self, organization: OrganizationId) -> Result<Vec<Tag>, StoreError> {
        Ok(self.tags_page(organization, None, u32::MAX).await?.data)
    }

    /// At most `limit` tags of an organization in the order of their creation, starting after one.
    pub async fn tags_page(
        &self,
        organization: OrganizationId,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Page<Tag, u64>, StoreError> {
        let id = i64::try_from(after.unwrap_or(0)).unwrap_or(i64::MAX);
        let found = self.read(move |session| {
            query!(session, tags::tags_after(organization, id, i64::from(limit).saturating_add(1)))
        });
        Ok(Page::cut(found.await?, limit, |tag| tag.id))
    }

    pub async fn tag(&self, organization: OrganizationId, id: u64) -> Result<Option<Tag>, StoreError> {
        let Ok(id) = i64::try_from(id) else { return Ok(None) };
        self.read(move |session| query!(session, tags::find_tag(organization, id))).await
    }
}
