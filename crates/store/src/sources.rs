//! Sources.

use std::sync::Arc;
use std::time::Duration;

use leadgate_domain::mapping::ActiveMapping;
use leadgate_domain::{
    AuditAction, AuditEntry, IdentityKey, OrganizationId, Source, SourceDefaults, SourceId, Timestamp,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::audit::{self, differences};
use crate::error::StoreError;
use crate::installation::advance;
use crate::keys::{SourceKeysRevocation, revoke_of_source};
use crate::page::Page;
use crate::quotas;
use crate::rows::{AfterId, ByDialect, ById, WithGeneration};
use crate::store::Store;

/// A source as its columns hold it. What only a newer build can read is text here.
#[derive(Serialize, Deserialize)]
pub(crate) struct SourceRow {
    id: SourceId,
    organization: OrganizationId,
    dialect: String,
    name: Option<String>,
    revision: i32,
    default_region: Option<String>,
    timezone: Option<String>,
    tags: Vec<String>,
    identity_rule: String,
    identity: serde_json::Value,
    gmail_identity: String,
    policy: String,
    consent: String,
    /// In seconds.
    consent_max_age: Option<u64>,
    rate: Option<String>,
    campaign: Option<String>,
    networks: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<serde_json::Value>,
    /// Written by the statements about mappings alone.
    #[serde(skip_serializing)]
    mapping_version: Option<u32>,
    #[serde(skip_serializing)]
    mapping: Option<serde_json::Value>,
    disabled_at: Option<Timestamp>,
    deleted_at: Option<Timestamp>,
    created_at: Timestamp,
}

impl SourceRow {
    fn from_source(source: &Source) -> Self {
        Self {
            id: source.id,
            organization: source.organization,
            dialect: source.dialect.to_string(),
            name: source.name.clone(),
            revision: source.revision,
            default_region: source.default_region.map(|region| region.to_string()),
            timezone: source.timezone.as_ref().map(|zone| zone.to_string()),
            tags: source.tags.clone(),
            identity_rule: source.identity_rule.to_string(),
            identity: serde_json::to_value(&source.identity).unwrap_or_default(),
            gmail_identity: source.gmail_identity.to_string(),
            policy: source.policy.to_string(),
            consent: source.consent.to_string(),
            consent_max_age: source.consent_max_age.map(|age| age.as_secs()),
            rate: source.rate.map(|rate| rate.to_string()),
            campaign: source.campaign.clone(),
            networks: source.networks.iter().map(ToString::to_string).collect(),
            signature: source.signature.and_then(|signature| serde_json::to_value(signature).ok()),
            mapping_version: None,
            mapping: None,
            disabled_at: source.disabled_at,
            deleted_at: source.deleted_at,
            created_at: source.created_at,
        }
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted_at.is_some()
    }

    /// `None`, and a warning, for what only a newer build can read: the others are still good.
    pub(crate) fn read(self) -> Option<Source> {
        let id = self.id;
        let source = self.parse();
        if source.is_none() {
            tracing::warn!(source.id = %id, "this build cannot read a source and ignores it");
        }
        source
    }

    fn parse(self) -> Option<Source> {
        let identity: Vec<IdentityKey> = serde_json::from_value(self.identity).ok()?;
        let networks = self.networks.iter().map(|network| network.parse());
        let mapping = match (self.mapping_version, self.mapping) {
            (Some(version), Some(document)) => {
                let mapping = serde_json::from_value(document).ok()?;
                Some(Arc::new(ActiveMapping { version, mapping }))
            }
            _ => None,
        };
        Some(Source {
            id: self.id,
            organization: self.organization,
            dialect: self.dialect.parse().ok()?,
            name: self.name,
            revision: self.revision,
            default_region: self.default_region.map(|region| region.parse()).transpose().ok()?,
            timezone: self.timezone.map(|zone| zone.parse()).transpose().ok()?,
            tags: self.tags,
            identity_rule: self.identity_rule.parse().ok()?,
            identity,
            gmail_identity: self.gmail_identity.parse().ok()?,
            policy: self.policy.parse().ok()?,
            consent: self.consent.parse().ok()?,
            consent_max_age: self.consent_max_age.map(Duration::from_secs),
            rate: self.rate.map(|rate| rate.parse()).transpose().ok()?,
            campaign: self.campaign,
            networks: networks.collect::<Result<_, _>>().ok()?,
            signature: self.signature.map(serde_json::from_value).transpose().ok()?,
            mapping,
            disabled_at: self.disabled_at,
            deleted_at: self.deleted_at,
            created_at: self.created_at,
        })
    }
}

/// What the audit log calls a change.
fn action(before: &SourceRow, after: &SourceRow) -> AuditAction {
    match (before.disabled_at, after.disabled_at) {
        _ if before.deleted_at != after.deleted_at => AuditAction::SourceDeleted,
        (None, Some(_)) => AuditAction::SourceDisabled,
        (Some(_), None) => AuditAction::SourceEnabled,
        _ => AuditAction::SourceUpdated,
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
        let wanted = move || ByDialect { organization, dialect };
        let found: Option<SourceRow> =
            self.read(move |session| session.find(session.sql.sources.default_of, wanted())).await?;
        let row = match found {
            Some(row) => Some(row),
            None => {
                let made = self.new_source(organization, defaults, None);
                let (made, entry) = (SourceRow::from_source(&made), self.created(&made));
                self.write(move |session| {
                    let generation = advance(session)?;
                    let insert = session.sql.sources.insert_default;
                    if session.execute(insert, &[WithGeneration { row: &made, generation }])? > 0 {
                        audit::record(session, std::slice::from_ref(&entry))?;
                    }
                    session.find(session.sql.sources.default_of, wanted())
                })
                .await?
            }
        };
        row.and_then(SourceRow::read)
            .ok_or_else(|| StoreError::Bug("a default source was not made".to_owned()))
    }

    /// Stores a new source. Its organization must exist. A second default source, and a campaign that another
    /// source has, are refused ([`StoreError::RowRefused`]). An organization has at most 1,000 sources
    /// ([`StoreError::TooMany`]). Its mapping is added afterwards with [`Store::add_mapping`].
    pub async fn create_source(&self, source: &Source) -> Result<(), StoreError> {
        if source.mapping.is_some() {
            return Err(StoreError::Bug("a source was made with a mapping".to_owned()));
        }
        let (row, entry) = (SourceRow::from_source(source), self.created(source));
        self.write(move |session| {
            let generation = advance(session)?;
            session.execute(session.sql.sources.insert, &[WithGeneration { row: &row, generation }])?;
            quotas::SOURCES.check_counted(session, session.sql.sources.count, row.organization)?;
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
        let (row, store) = (SourceRow::from_source(source), self.clone());
        let changed: Option<SourceRow> = self
            .write(move |session| {
                let generation = advance(session)?;
                // Concurrent changes wait for the generation.
                let before: Option<SourceRow> =
                    session.find(session.sql.sources.by_id, ById { id: row.id })?;
                let after: Option<SourceRow> =
                    session.find(session.sql.sources.update, WithGeneration { row: &row, generation })?;
                if let (Some(before), Some(after)) = (&before, &after) {
                    let entry = store.entry(row.organization, action(before, after)).with_target(row.id);
                    audit::record(session, &[entry.with_detail("changed", differences(before, after))])?;
                    if let (None, Some(revoked_at)) = (before.deleted_at, after.deleted_at) {
                        let (organization, source) = (row.organization, row.id);
                        let revoked = SourceKeysRevocation { organization, source, revoked_at, generation };
                        revoke_of_source(session, revoked, || {
                            store.entry(organization, AuditAction::KeyRevoked).with_detail("source", source)
                        })?;
                    }
                }
                Ok(after)
            })
            .await?;
        Ok(changed.and_then(SourceRow::read))
    }

    /// The source with this KickoffLabs campaign id, in any organization.
    pub async fn campaign(&self, campaign: &str) -> Result<Option<Source>, StoreError> {
        let id = campaign.to_owned();
        let row: Option<SourceRow> =
            self.read(move |session| session.find(session.sql.sources.campaign, ById { id })).await?;
        Ok(row.and_then(SourceRow::read))
    }

    /// The sources of an organization, including deleted ones, in the order of their creation.
    pub async fn sources(&self, organization: OrganizationId) -> Result<Vec<Source>, StoreError> {
        let all = AfterId { organization, id: SourceId::from_uuid(Uuid::nil()), most: u32::MAX };
        let rows: Vec<SourceRow> =
            self.read(move |session| session.load(session.sql.sources.by_organization, &[all])).await?;
        Ok(rows.into_iter().filter_map(SourceRow::read).collect())
    }

    /// At most `limit` sources of an organization in the order of their creation, starting after one. A page
    /// with large or deleted sources has fewer.
    pub async fn sources_page(
        &self,
        organization: OrganizationId,
        after: Option<SourceId>,
        limit: u32,
    ) -> Result<Page<Source, SourceId>, StoreError> {
        let id = after.unwrap_or(SourceId::from_uuid(Uuid::nil()));
        let after = AfterId { organization, id, most: limit.saturating_add(1) };
        let page: Page<SourceRow, SourceId> = self
            .read(move |session| {
                let page = session.sql.sources.by_organization;
                session.load_page(page, &[after], limit, |row: &SourceRow| row.id)
            })
            .await?;
        let sources = page.data.into_iter().filter_map(SourceRow::read);
        Ok(Page { data: sources.filter(|source| source.deleted_at.is_none()).collect(), next: page.next })
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
        let wanted: Vec<_> = ids.iter().map(|id| ById { id: *id }).collect();
        let rows: Vec<SourceRow> =
            self.read(move |session| session.load(session.sql.sources.by_id, &wanted)).await?;
        Ok(rows.into_iter().filter_map(SourceRow::read).collect())
    }
}
