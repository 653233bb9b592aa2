//! Sources.

use std::collections::BTreeSet;

use leadgate_domain::{AuditAction, AuditEntry, OrganizationId, Source, SourceDefaults, SourceId, Timestamp};

use crate::audit;
use crate::connection::query;
use crate::error::StoreError;
use crate::installation::advance;
use crate::keys::revoke_keys_of_source;
use crate::page::Page;
use crate::quotas;
use crate::store::Store;

/// A source before and after a change.
pub(crate) struct SourceUpdate {
    pub(crate) was_disabled_at: Option<Timestamp>,
    pub(crate) was_deleted_at: Option<Timestamp>,
    /// The names of the settings in which it differs.
    pub(crate) changed: BTreeSet<String>,
    /// `None` if only a newer build can read it.
    pub(crate) source: Option<Source>,
}

impl SourceUpdate {
    /// What the audit log calls the change to this source.
    fn action(&self, after: &Source) -> AuditAction {
        match (self.was_disabled_at, after.disabled_at) {
            _ if self.was_deleted_at != after.deleted_at => AuditAction::SourceDeleted,
            (None, Some(_)) => AuditAction::SourceDisabled,
            (Some(_), None) => AuditAction::SourceEnabled,
            _ => AuditAction::SourceUpdated,
        }
    }
}

impl Store {
    /// The default source of the organization for a dialect. It is created if it does not exist.
    pub async fn ensure_default_source(
        &self,
        organization: OrganizationId,
        defaults: &SourceDefaults,
    ) -> Result<Source, StoreError> {
        let dialect = defaults.dialect;
        let found = self
            .read(move |session| query!(session, sources::find_default_source(organization, dialect)))
            .await?;
        if let Some(source) = found {
            return Ok(source);
        }
        let new = self.new_source(organization, defaults, None);
        let entry = self.created(&new);
        self.write(move |session| {
            // Others who create one wait for the generation.
            let generation = advance(session)?;
            if let Some(source) = query!(session, sources::find_default_source(organization, dialect))? {
                return Ok(source);
            }
            query!(session, sources::insert_source(&new, generation))?;
            audit::record(session, std::slice::from_ref(&entry))?;
            Ok(new.clone())
        })
        .await
    }

    /// Stores a new source. Its organization must exist. A second default source, and a campaign that another
    /// source has, are refused ([`StoreError::RowRefused`]). An organization has at most 1,000 sources
    /// ([`StoreError::TooMany`]). Its mapping is added afterwards with [`Store::add_mapping`].
    pub async fn create_source(&self, source: &Source) -> Result<(), StoreError> {
        if source.mapping.is_some() {
            return Err(StoreError::Bug("a source was made with a mapping".to_owned()));
        }
        let (source, entry) = (source.clone(), self.created(source));
        self.write(move |session| {
            let generation = advance(session)?;
            query!(session, sources::insert_source(&source, generation))?;
            quotas::SOURCES.check(query!(session, sources::count_sources(source.organization))?)?;
            audit::record(session, std::slice::from_ref(&entry))
        })
        .await
    }

    fn created(&self, source: &Source) -> AuditEntry {
        let entry = self.entry(source.organization, AuditAction::SourceCreated).with_target(source.id);
        entry.with_detail("dialect", source.dialect).with_detail("default", source.name.is_none())
    }

    /// Changes all settings of a source except its mapping. Returns the source with its next revision, or
    /// `None` if the source does not exist or was changed since the given revision.
    ///
    /// If the change deletes the source, its keys and tokens are revoked in the same transaction.
    pub async fn update_source(&self, source: &Source) -> Result<Option<Source>, StoreError> {
        let (source, store) = (source.clone(), self.clone());
        let Source { id, organization, .. } = source;
        self.write(move |session| {
            // Concurrent changes wait for the generation.
            let generation = advance(session)?;
            let update = query!(session, sources::update_source(&source, generation))?;
            let Some(update) = update else { return Ok(None) };
            let entry = store.entry(organization, update.action(&source)).with_target(id);
            audit::record(session, &[entry.with_detail("changed", &update.changed)])?;
            if let (None, Some(revoked_at)) = (update.was_deleted_at, source.deleted_at) {
                let entry = || store.entry(organization, AuditAction::KeyRevoked).with_detail("source", id);
                revoke_keys_of_source(session, (organization, id), revoked_at, generation, entry)?;
            }
            Ok(update.source)
        })
        .await
    }

    /// The source with this KickoffLabs campaign id, in any organization.
    pub async fn campaign(&self, campaign: &str) -> Result<Option<Source>, StoreError> {
        let campaign = campaign.to_owned();
        self.read(move |session| query!(session, sources::find_campaign(&campaign))).await
    }

    /// The sources of an organization, including deleted ones, in the order of their creation.
    pub async fn sources(&self, organization: OrganizationId) -> Result<Vec<Source>, StoreError> {
        self.read(move |session| query!(session, sources::sources_of(organization))).await
    }

    /// At most `limit` sources of an organization in the order of their creation, starting after one. A page
    /// with large or deleted sources has fewer.
    pub async fn sources_page(
        &self,
        organization: OrganizationId,
        after: Option<SourceId>,
        limit: u32,
    ) -> Result<Page<Source, SourceId>, StoreError> {
        let page =
            self.read(move |session| query!(session, sources::sources_page(organization, after, limit)));
        let Page { mut data, next } = page.await?;
        data.retain(|source| source.deleted_at.is_none());
        Ok(Page { data, next })
    }

    pub async fn source(
        &self,
        organization: OrganizationId,
        id: SourceId,
    ) -> Result<Option<Source>, StoreError> {
        let found = self.sources_by_id(&[id]).await?;
        Ok(found.into_iter().find(|source| source.organization == organization))
    }

    /// The given sources that exist, in any organization. The worker reads the ids from submissions and
    /// compares the organizations.
    pub async fn sources_by_id(&self, ids: &[SourceId]) -> Result<Vec<Source>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids = ids.to_vec();
        self.read(move |session| query!(session, sources::sources_by_id(&ids))).await
    }
}
