//! API keys.

use leadgate_domain::{ApiKey, KeyId, KeyKind, OrganizationId, SourceId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::installation::advance;
use crate::rows::{Of, Revoked, Stamped, Wanted};
use crate::store::Store;

/// A key as its columns hold it. What only a newer build can read is text here.
#[derive(Serialize, Deserialize)]
pub(crate) struct KeyRow {
    id: KeyId,
    organization: OrganizationId,
    source: SourceId,
    scopes: Vec<String>,
    rate: Option<String>,
    test: bool,
    hash: String,
    created_at: Timestamp,
    revoked_at: Option<Timestamp>,
}

impl KeyRow {
    fn of(key: &ApiKey) -> Self {
        Self {
            id: key.id.clone(),
            organization: key.organization,
            source: key.source,
            scopes: key.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
            rate: key.rate.map(|rate| rate.to_string()),
            test: key.test,
            hash: key.hash.clone(),
            created_at: key.created_at,
            revoked_at: key.revoked_at,
        }
    }

    /// A scope of a newer build is left out: the key may do less here, never more. `None`, and a warning, for a
    /// key whose limit cannot be read.
    pub(crate) fn read(self) -> Option<ApiKey> {
        let rate = match self.rate.map(|rate| rate.parse()).transpose() {
            Ok(rate) => rate,
            Err(_) => {
                tracing::warn!(key.id = %self.id, "this build cannot read a key, and goes on without it");
                return None;
            }
        };
        Some(ApiKey {
            id: self.id,
            kind: KeyKind::Secret,
            organization: self.organization,
            source: self.source,
            name: None,
            scopes: self.scopes.iter().filter_map(|scope| scope.parse().ok()).collect(),
            rate,
            test: self.test,
            origins: Vec::new(),
            tags: Vec::new(),
            label: None,
            hash: self.hash,
            created_at: self.created_at,
            expires_at: None,
            revoked_at: self.revoked_at,
        })
    }
}

impl Store {
    /// Its organization and source must be there, and its id must be new ([`StoreError::RowRefused`]).
    pub async fn create_key(&self, key: &ApiKey) -> Result<(), StoreError> {
        let row = KeyRow::of(key);
        self.write(move |session| {
            let generation = advance(session)?;
            session.execute(session.sql.keys.insert, &[Stamped { row: &row, generation }]).map(drop)
        })
        .await
    }

    /// An organization's keys, revoked ones too.
    pub async fn keys(&self, organization: OrganizationId) -> Result<Vec<ApiKey>, StoreError> {
        let rows: Vec<KeyRow> =
            self.read(move |session| session.load(session.sql.keys.of, &[Of { organization }])).await?;
        Ok(rows.into_iter().filter_map(KeyRow::read).collect())
    }

    /// Revokes a key; of an organization, if one is given. `None` if there is no such key.
    pub async fn revoke_key(
        &self,
        id: &KeyId,
        organization: Option<OrganizationId>,
    ) -> Result<Option<ApiKey>, StoreError> {
        let (id, revoked_at) = (id.clone(), Timestamp::now());
        let row: Option<KeyRow> = self
            .write(move |session| {
                let generation = advance(session)?;
                let revoked = Revoked { id: &id, organization, revoked_at, generation };
                session.find(session.sql.keys.revoke, revoked)
            })
            .await?;
        Ok(row.and_then(KeyRow::read))
    }

    /// A key by its id, revoked or not: nobody knows yet whose it is.
    pub async fn find_key(&self, id: &KeyId) -> Result<Option<ApiKey>, StoreError> {
        let id = id.clone();
        let row: Option<KeyRow> =
            self.read(move |session| session.find(session.sql.keys.by_id, Wanted { id: &id })).await?;
        Ok(row.and_then(KeyRow::read))
    }
}
