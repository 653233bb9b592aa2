//! API keys.

use leadgate_domain::{
    Actor, ApiKey, AuditAction, AuditEntry, KeyId, KeyKind, OrganizationId, SourceId, Timestamp,
};

use crate::audit;
use crate::connection::{StoreConnection, query};
use crate::error::{StoreError, TransactionError};
use crate::installation::advance;
use crate::quotas;
use crate::store::Store;

/// A key after a change.
pub(crate) struct StoredKey {
    pub(crate) organization: OrganizationId,
    pub(crate) revoked_at: Option<Timestamp>,
    /// `None` if only a newer build can read it.
    pub(crate) key: Option<ApiKey>,
}

impl Store {
    /// Stores a new key. Its organization and source must exist, and its id must be new
    /// ([`StoreError::RowRefused`]). An organization has at most 2,000 keys that are not revoked
    /// ([`StoreError::TooMany`]).
    pub async fn create_key(&self, key: &ApiKey) -> Result<(), StoreError> {
        let entry = self.entry(key.organization, AuditAction::KeyCreated).with_target(&key.id);
        let entry = entry
            .with_detail("kind", key.kind)
            .with_detail("scopes", &key.scopes)
            .with_detail("source", key.source);
        let key = key.clone();
        self.write(move |session| {
            let generation = advance(session)?;
            // `advance` locks the installation row, so this check and a concurrent `revoke_created_by` are
            // serialized.
            check_creator_not_revoked(session, key.created_by.as_ref())?;
            if query!(session, sources::is_source_deleted(key.source))? {
                return Err(StoreError::SourceDeleted.into());
            }
            query!(session, keys::insert_key(&key, generation))?;
            quotas::KEYS.check(query!(session, keys::count_keys(key.organization))?)?;
            if key.kind == KeyKind::Token {
                quotas::TOKENS.check(query!(session, keys::count_tokens(key.organization, key.source))?)?;
            }
            audit::record(session, std::slice::from_ref(&entry))
        })
        .await
    }

    /// The keys of an organization, including revoked ones.
    pub async fn keys(&self, organization: OrganizationId) -> Result<Vec<ApiKey>, StoreError> {
        self.read(move |session| query!(session, keys::keys_of(organization))).await
    }

    /// Revokes the keys and tokens that were created with a key. Returns how many were not revoked before.
    pub async fn revoke_created_by(&self, key: &ApiKey) -> Result<usize, StoreError> {
        let (id, organization, revoked_at) = (key.id.clone(), key.organization, Timestamp::now());
        let store = self.clone();
        self.write(move |session| {
            let generation = advance(session)?;
            let revoked =
                query!(session, keys::revoke_keys_created_by(organization, &id, revoked_at, generation))?;
            let entry = |revoked: &String| {
                store
                    .entry(organization, AuditAction::KeyRevoked)
                    .with_target(revoked)
                    .with_detail("created_by", &id)
            };
            audit::record(session, &revoked.iter().map(entry).collect::<Vec<_>>())?;
            Ok(revoked.len())
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
            let found = query!(session, keys::find_key(&id))?;
            let is_ours =
                |key: &ApiKey| organization.is_none_or(|organization| key.organization == organization);
            let Some(before) = found.filter(is_ours) else { return Ok(None) };
            let mut key = before.clone();
            if let Err(why) = change(&mut key) {
                return Ok(Some(Err(why)));
            }
            let changed = query!(session, keys::update_key(&before, &key, generation))?;
            if changed.is_empty() {
                return Ok(Some(Ok(key)));
            }
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
        self.write(move |session| {
            let generation = advance(session)?;
            let stored = query!(session, keys::revoke_key(&id, organization, revoked_at, generation))?;
            let Some(stored) = stored else { return Ok(None) };
            // One that was revoked before keeps its time, and nothing changed.
            if stored.revoked_at == Some(revoked_at) {
                let entry = store.entry(stored.organization, AuditAction::KeyRevoked).with_target(&id);
                audit::record(session, &[entry])?;
            }
            Ok(stored.key)
        })
        .await
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
        let (id, replacement) = (id.clone(), replacement.clone());
        let entry = self.entry(replacement.organization, AuditAction::KeyRotated).with_target(&id);
        let entry = entry.with_detail("replacement", &replacement.id);
        let asking = match self.actor() {
            Actor::Key(asking) => Some(asking.clone()),
            Actor::CommandLine { .. } | Actor::Leadgate => None,
        };
        self.write(move |session| {
            let generation = advance(session)?;
            check_creator_not_revoked(session, asking.as_ref())?;
            let old = query!(session, keys::retire_key(&id, organization, old_expires_at, generation))?;
            let Some(old) = old else { return Ok(None) };
            let old = old.key.filter(|old| old.organization == replacement.organization);
            if old.is_none() {
                let what = "a key in the place of one that is another organization's or unreadable";
                return Err(StoreError::Bug(what.to_owned()).into());
            }
            query!(session, keys::insert_key(&replacement, generation))?;
            audit::record(session, std::slice::from_ref(&entry))?;
            Ok(old)
        })
        .await
    }

    /// A key by its id, revoked or not, in any organization.
    pub async fn find_key(&self, id: &KeyId) -> Result<Option<ApiKey>, StoreError> {
        let id = id.clone();
        self.read(move |session| query!(session, keys::find_key(&id))).await
    }
}

/// Refuses a key that is created with a revoked one.
fn check_creator_not_revoked(
    session: &mut StoreConnection,
    creator: Option<&KeyId>,
) -> Result<(), TransactionError> {
    let Some(creator) = creator else { return Ok(()) };
    match query!(session, keys::is_key_revoked(creator))? {
        true => Err(StoreError::CreatorRevoked.into()),
        false => Ok(()),
    }
}

/// Revokes the keys and tokens of a source, with an entry in the audit log for each.
pub(crate) fn revoke_keys_of_source(
    session: &mut StoreConnection,
    (organization, source): (OrganizationId, SourceId),
    revoked_at: Timestamp,
    generation: i64,
    entry: impl Fn() -> AuditEntry,
) -> Result<(), TransactionError> {
    let revoked = query!(session, keys::revoke_keys_of_source(organization, source, revoked_at, generation))?;
    let entries: Vec<_> = revoked.iter().map(|id| entry().with_target(id)).collect();
    audit::record(session, &entries)
}
