//! API keys.

use leadgate_domain::{
    Actor, ApiKey, AuditAction, AuditEntry, KeyId, KeyKind, OrganizationId, SourceId, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::audit::{self, differences};
use crate::connection::StoreConnection;
use crate::error::{StoreError, TransactionError};
use crate::installation::advance;
use crate::quotas;
use crate::rows::{ById, InAnySource, InOrganization, KeyExpiry, KeyRevocation, WithGeneration};
use crate::sources::SourceRow;
use crate::store::Store;

/// A key as its columns hold it. What only a newer build can read is text here.
#[derive(Serialize, Deserialize)]
pub(crate) struct KeyRow {
    id: KeyId,
    kind: String,
    organization: OrganizationId,
    source: SourceId,
    #[serde(default)]
    organization_wide: bool,
    name: Option<String>,
    scopes: Vec<String>,
    rate: Option<String>,
    test: bool,
    origins: Vec<String>,
    tags: Vec<String>,
    label: Option<String>,
    created_by: Option<KeyId>,
    hash: String,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

impl KeyRow {
    fn from_key(key: &ApiKey) -> Self {
        Self {
            id: key.id.clone(),
            kind: key.kind.as_str().to_owned(),
            organization: key.organization,
            source: key.source,
            organization_wide: key.organization_wide,
            name: key.name.clone(),
            scopes: key.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
            rate: key.rate.map(|rate| rate.to_string()),
            test: key.test,
            origins: key.origins.clone(),
            tags: key.tags.clone(),
            label: key.label.clone(),
            created_by: key.created_by.clone(),
            hash: key.hash.clone(),
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
        }
    }

    /// A scope of a newer build is left out: the key may do less here, never more. `None`, and a warning, for
    /// a key whose kind or limit cannot be read.
    pub(crate) fn read(self) -> Option<ApiKey> {
        let rate = self.rate.map(|rate| rate.parse()).transpose();
        let (Ok(kind), Ok(rate)) = (self.kind.parse(), rate) else {
            tracing::warn!(key.id = %self.id, "this build cannot read a key and ignores it");
            return None;
        };
        Some(ApiKey {
            id: self.id,
            kind,
            organization: self.organization,
            source: self.source,
            organization_wide: self.organization_wide,
            name: self.name,
            scopes: self.scopes.iter().filter_map(|scope| scope.parse().ok()).collect(),
            rate,
            test: self.test,
            origins: self.origins,
            tags: self.tags,
            label: self.label,
            created_by: self.created_by,
            hash: self.hash,
            created_at: self.created_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
        })
    }
}

impl Store {
    /// Stores a new key. Its organization and source must exist, and its id must be new
    /// ([`StoreError::RowRefused`]). An organization has at most 2,000 keys that are not revoked
    /// ([`StoreError::TooMany`]).
    pub async fn create_key(&self, key: &ApiKey) -> Result<(), StoreError> {
        let row = KeyRow::from_key(key);
        let entry = self.entry(key.organization, AuditAction::KeyCreated).with_target(&key.id);
        let entry = entry
            .with_detail("kind", key.kind)
            .with_detail("scopes", &key.scopes)
            .with_detail("source", key.source);
        self.write(move |session| {
            let generation = advance(session)?;
            // `advance` locks the installation row, so this check and a concurrent `revoke_created_by` are
            // serialized.
            check_creator_not_revoked(session, row.created_by.as_ref())?;
            let source: Option<SourceRow> =
                session.find(session.sql.sources.by_id, ById { id: row.source })?;
            if source.is_some_and(|source| source.is_deleted()) {
                return Err(StoreError::SourceDeleted.into());
            }
            session.execute(session.sql.keys.insert, &[WithGeneration { row: &row, generation }])?;
            quotas::KEYS.check_counted(session, session.sql.keys.count, row.organization)?;
            if row.kind == KeyKind::Token.as_str() {
                let scope = [InAnySource { organization: row.organization, source: Some(row.source) }];
                let counted: Vec<u64> = session.load(session.sql.keys.count_tokens, &scope)?;
                quotas::TOKENS.check(counted.first().copied().unwrap_or(0))?;
            }
            audit::record(session, std::slice::from_ref(&entry))
        })
        .await
    }

    /// The keys of an organization, including revoked ones.
    pub async fn keys(&self, organization: OrganizationId) -> Result<Vec<ApiKey>, StoreError> {
        let rows: Vec<KeyRow> = self
            .read(move |session| {
                session.load(session.sql.keys.by_organization, &[InOrganization { organization }])
            })
            .await?;
        Ok(rows.into_iter().filter_map(KeyRow::read).collect())
    }

    /// Revokes the keys and tokens that were created with a key. Returns how many were not revoked before.
    pub async fn revoke_created_by(&self, key: &ApiKey) -> Result<usize, StoreError> {
        let (id, organization, revoked_at) = (key.id.clone(), key.organization, Timestamp::now());
        let store = self.clone();
        self.write(move |session| {
            let generation = advance(session)?;
            let revoked = KeyRevocation { id: &id, organization: Some(organization), revoked_at, generation };
            let rows: Vec<KeyRow> = session.load(session.sql.keys.revoke_created_by, &[revoked])?;
            let entry = |row: &KeyRow| {
                store
                    .entry(organization, AuditAction::KeyRevoked)
                    .with_target(&row.id)
                    .with_detail("created_by", &id)
            };
            audit::record(session, &rows.iter().map(entry).collect::<Vec<_>>())?;
            Ok(rows.len())
        })
        .await
    }

    /// Changes the name, scopes, rate, origins and tags of a key. If an organization is given, the key must
    /// belong to it. Returns the changed key, or the reason why `change` refuses the stored key, or `None` if
    /// the key does not exist.
    pub async fn update_key<Why: Send + 'static>(
        &self,
        id: &KeyId,
        organization: Option<OrganizationId>,
        change: impl Fn(&mut ApiKey) -> Result<(), Why> + Send + 'static,
    ) -> Result<Option<Result<ApiKey, Why>>, StoreError> {
        let (id, store) = (id.clone(), self.clone());
        self.write(move |session| {
            // Concurrent changes wait for the generation.
            let generation = advance(session)?;
            let found: Option<KeyRow> = session.find(session.sql.keys.by_id, ById { id: &id })?;
            let is_ours =
                |key: &ApiKey| organization.is_none_or(|organization| key.organization == organization);
            let Some(mut key) = found.and_then(KeyRow::read).filter(is_ours) else { return Ok(None) };
            let before = KeyRow::from_key(&key);
            if let Err(why) = change(&mut key) {
                return Ok(Some(Err(why)));
            }
            let after = KeyRow::from_key(&key);
            let changed = differences(&before, &after);
            if changed.is_empty() {
                return Ok(Some(Ok(key)));
            }
            session.execute(session.sql.keys.update, &[WithGeneration { row: &after, generation }])?;
            let entry = store.entry(key.organization, AuditAction::KeyUpdated).with_target(&key.id);
            audit::record(session, &[entry.with_detail("changed", changed)])?;
            Ok(Some(Ok(key)))
        })
        .await
    }

    /// Revokes a key. If an organization is given, the key must belong to it. `None` if the key does not
    /// exist.
    pub async fn revoke_key(
        &self,
        id: &KeyId,
        organization: Option<OrganizationId>,
    ) -> Result<Option<ApiKey>, StoreError> {
        let (id, revoked_at, store) = (id.clone(), Timestamp::now(), self.clone());
        let row: Option<KeyRow> = self
            .write(move |session| {
                let generation = advance(session)?;
                let revoked = KeyRevocation { id: &id, organization, revoked_at, generation };
                let row: Option<KeyRow> = session.find(session.sql.keys.revoke, revoked)?;
                // One that was revoked before keeps its time, and nothing changed.
                if let Some(row) = row.as_ref().filter(|row| row.revoked_at == Some(revoked_at)) {
                    let entry = store.entry(row.organization, AuditAction::KeyRevoked).with_target(&id);
                    audit::record(session, &[entry])?;
                }
                Ok(row)
            })
            .await?;
        Ok(row.and_then(KeyRow::read))
    }

    /// Stores a replacement for a key. The old key stays valid until the given time, or until its own earlier
    /// end. If an organization is given, the key must belong to it. Returns the old key, or `None` if it does
    /// not exist or is revoked; then nothing is stored. The key of the request must not be revoked
    /// ([`StoreError::CreatorRevoked`]).
    pub async fn rotate_key(
        &self,
        id: &KeyId,
        organization: Option<OrganizationId>,
        replacement: &ApiKey,
        old_expires_at: Timestamp,
    ) -> Result<Option<ApiKey>, StoreError> {
        let (id, row) = (id.clone(), KeyRow::from_key(replacement));
        let entry = self.entry(replacement.organization, AuditAction::KeyRotated).with_target(&id);
        let entry = entry.with_detail("replacement", &replacement.id);
        let asking = match self.actor() {
            Actor::Key(asking) => Some(asking.clone()),
            Actor::CommandLine { .. } | Actor::Leadgate => None,
        };
        self.write(move |session| {
            let generation = advance(session)?;
            check_creator_not_revoked(session, asking.as_ref())?;
            let retired = KeyExpiry { id: &id, organization, expires_at: old_expires_at, generation };
            let old: Option<KeyRow> = session.find(session.sql.keys.retire, retired)?;
            let Some(old) = old else { return Ok(None) };
            let old = old.read().filter(|old| old.organization == row.organization);
            if old.is_none() {
                let what = "a key in the place of one that is another organization's or unreadable";
                return Err(StoreError::Bug(what.to_owned()).into());
            }
            session.execute(session.sql.keys.insert, &[WithGeneration { row: &row, generation }])?;
            audit::record(session, std::slice::from_ref(&entry))?;
            Ok(old)
        })
        .await
    }

    /// A key by its id, revoked or not, in any organization.
    pub async fn find_key(&self, id: &KeyId) -> Result<Option<ApiKey>, StoreError> {
        let id = id.clone();
        let row: Option<KeyRow> =
            self.read(move |session| session.find(session.sql.keys.by_id, ById { id: &id })).await?;
        Ok(row.and_then(KeyRow::read))
    }
}

/// Refuses a key that is created with a revoked one.
fn check_creator_not_revoked(
    session: &mut StoreConnection,
    creator: Option<&KeyId>,
) -> Result<(), TransactionError> {
    let Some(creator) = creator else { return Ok(()) };
    let creator: Option<KeyRow> = session.find(session.sql.keys.by_id, ById { id: creator })?;
    match creator.is_some_and(|creator| creator.revoked_at.is_some()) {
        true => Err(StoreError::CreatorRevoked.into()),
        false => Ok(()),
    }
}

/// The keys and tokens of a source, to be revoked.
#[derive(Serialize)]
pub(crate) struct SourceKeysRevocation {
    pub(crate) organization: OrganizationId,
    pub(crate) source: SourceId,
    pub(crate) revoked_at: Timestamp,
    pub(crate) generation: i64,
}

/// Revokes the keys and tokens of a source, with an entry in the audit log for each.
pub(crate) fn revoke_of_source(
    session: &mut StoreConnection,
    revoked: SourceKeysRevocation,
    entry: impl Fn() -> AuditEntry,
) -> Result<(), TransactionError> {
    let rows: Vec<KeyRow> = session.load(session.sql.keys.revoke_of_source, &[revoked])?;
    let entries: Vec<_> = rows.iter().map(|row| entry().with_target(&row.id)).collect();
    audit::record(session, &entries)
}
