//! Numbered tags.

use leadgate_domain::{AuditAction, OrganizationId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::audit;
use crate::error::StoreError;
use crate::page::Page;
use crate::quotas;
use crate::rows::{AfterId, ScopedId};
use crate::store::Store;
use crate::store_transaction::StoreTransaction;

/// A tag of an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// The number of the tag, from 1 within its organization.
    pub id: u64,
    pub name: String,
    pub created_at: Timestamp,
}

#[derive(Clone, Serialize)]
struct TagRow {
    organization: OrganizationId,
    name: String,
    created_at: Timestamp,
}

impl Store {
    /// The tag with this name. It is created if it does not exist.
    pub async fn create_tag(&self, organization: OrganizationId, name: &str) -> Result<Tag, StoreError> {
        let row = TagRow { organization, name: name.to_owned(), created_at: Timestamp::now() };
        let wanted = row.clone();
        let found: Option<Tag> =
            self.read(move |session| session.find(session.sql.tags.named, &wanted)).await?;
        if let Some(tag) = found {
            return Ok(tag);
        }
        let entry = self.entry(organization, AuditAction::TagCreated);
        let made: Option<Tag> = self
            .write(move |session| {
                // Two at once would take the same number.
                StoreTransaction::new(session).lock_exclusive(organization)?;
                let inserted = session.execute(session.sql.tags.insert, std::slice::from_ref(&row))?;
                let tag: Option<Tag> = session.find(session.sql.tags.named, &row)?;
                if let Some(tag) = tag.as_ref().filter(|_| inserted > 0) {
                    quotas::TAGS.check(tag.id)?;
                    audit::record(session, &[entry.clone().with_target(tag.id)])?;
                }
                Ok(tag)
            })
            .await?;
        made.ok_or_else(|| StoreError::Bug("a tag was not made".to_owned()))
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
        let after = AfterId { organization, id, most: limit.saturating_add(1) };
        self.read(move |session| {
            session.load_page(session.sql.tags.by_organization, &[after], limit, |tag: &Tag| tag.id)
        })
        .await
    }

    pub async fn tag(&self, organization: OrganizationId, id: u64) -> Result<Option<Tag>, StoreError> {
        let Ok(id) = i64::try_from(id) else { return Ok(None) };
        self.read(move |session| session.find(session.sql.tags.by_id, ScopedId { organization, id })).await
    }
}
