//! API keys.

use std::collections::BTreeSet;

use diesel::dsl::{case_when, exists};
use diesel::prelude::*;
use leadgate_domain::{ApiKey, KeyId, KeyKind, OrganizationId, SourceId, Timestamp};
use serde::Serialize;

use super::schema::api_keys;
use super::{Connection, Database};
use crate::audit::differences;
use crate::error::{StoreError, TransactionError};
use crate::installation::{ChangedRow, PAGE_OF_CHANGES};
use crate::keys::StoredKey;
use crate::values::{Id, Time, document};

/// A key as its columns hold it. What only a newer build can read is text here.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = api_keys, check_for_backend(Database), treat_none_as_default_value = false)]
struct KeyRow {
    id: String,
    kind: String,
    organization: Id,
    source: Id,
    #[diesel(embed)]
    settings: KeySettingsRow,
    test: bool,
    label: Option<String>,
    created_by: Option<String>,
    organization_wide: bool,
    hash: String,
    created_at: Time,
    expires_at: Option<Time>,
    revoked_at: Option<Time>,
    generation: i64,
}

/// What a change of a key may change.
#[derive(Queryable, Selectable, Insertable, AsChangeset, Serialize)]
#[diesel(table_name = api_keys, check_for_backend(Database), treat_none_as_default_value = false)]
#[diesel(treat_none_as_null = true)]
struct KeySettingsRow {
    name: Option<String>,
    scopes: String,
    rate: Option<String>,
    origins: String,
    tags: String,
}

impl KeySettingsRow {
    fn new(key: &ApiKey) -> Result<Self, StoreError> {
        let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
        Ok(Self {
            name: key.name.clone(),
            scopes: document(&scopes)?,
            rate: key.rate.map(|rate| rate.to_string()),
            origins: document(&key.origins)?,
            tags: document(&key.tags)?,
        })
    }
}

impl KeyRow {
    fn new(key: &ApiKey, generation: i64) -> Result<Self, StoreError> {
        Ok(Self {
            id: key.id.as_str().to_owned(),
            kind: key.kind.as_str().to_owned(),
            organization: key.organization.into(),
            source: key.source.into(),
            settings: KeySettingsRow::new(key)?,
            test: key.test,
            label: key.label.clone(),
            created_by: key.created_by.as_ref().map(|creator| creator.as_str().to_owned()),
            organization_wide: key.organization_wide,
            hash: key.hash.clone(),
            created_at: key.created_at.into(),
            expires_at: key.expires_at.map(Time),
            revoked_at: key.revoked_at.map(Time),
            generation,
        })
    }

    /// A scope of a newer build is left out: the key may do less here, never more. `None`, and a warning, for a key
    /// whose kind or limit cannot be read.
    fn read(self) -> Option<ApiKey> {
        let settings = self.settings;
        let texts = |json: &str| serde_json::from_str::<Vec<String>>(json);
        let rate = settings.rate.map(|rate| rate.parse()).transpose();
        let lists = (texts(&settings.scopes), texts(&settings.origins), texts(&settings.tags));
        let (Some(id), Ok(kind), Ok(rate), (Ok(scopes), Ok(origins), Ok(tags))) =
            (KeyId::parse(&self.id), self.kind.parse(), rate, lists)
        else {
            tracing::warn!(key.id = self.id, "this build cannot read a key and ignores it");
            return None;
        };
        Some(ApiKey {
            id,
            kind,
            organization: self.organization.into(),
            source: self.source.into(),
            organization_wide: self.organization_wide,
            name: settings.name,
            scopes: scopes.iter().filter_map(|scope| scope.parse().ok()).collect(),
            rate,
            test: self.test,
            origins,
            tags,
            label: self.label,
            created_by: self.created_by.as_deref().and_then(KeyId::parse),
            hash: self.hash,
            created_at: self.created_at.into(),
            expires_at: self.expires_at.map(Timestamp::from),
            revoked_at: self.revoked_at.map(Timestamp::from),
        })
    }

    fn stored(self) -> StoredKey {
        StoredKey {
            organization: self.organization.into(),
            revoked_at: self.revoked_at.map(Timestamp::from),
            key: self.read(),
        }
    }
}

pub(crate) fn insert_key(
    connection: &mut Connection,
    key: &ApiKey,
    generation: i64,
) -> Result<(), TransactionError> {
    let row = KeyRow::new(key, generation)?;
    Ok(diesel::insert_into(api_keys::table).values(row).execute(connection).map(drop)?)
}

/// Changes the settings of a key that is not revoked. Returns the names of those that differ; if there are none nothing
/// is changed.
pub(crate) fn update_key(
    connection: &mut Connection,
    before: &ApiKey,
    after: &ApiKey,
    generation: i64,
) -> Result<BTreeSet<String>, TransactionError> {
    let settings = KeySettingsRow::new(after)?;
    let changed = differences(&KeySettingsRow::new(before)?, &settings);
    if !changed.is_empty() {
        let valid = api_keys::table
            .find(after.id.as_str())
            .filter(api_keys::organization.eq(Id::from(after.organization)))
            .filter(api_keys::revoked_at.is_null());
        diesel::update(valid).set((settings, api_keys::generation.eq(generation))).execute(connection)?;
    }
    Ok(changed)
}

/// Keeps the time of the first revocation.
pub(crate) fn revoke_key(
    connection: &mut Connection,
    id: &KeyId,
    organization: Option<OrganizationId>,
    revoked_at: Timestamp,
    generation: i64,
) -> QueryResult<Option<StoredKey>> {
    let first =
        case_when(api_keys::revoked_at.is_not_null(), api_keys::revoked_at).otherwise(Some(Time(revoked_at)));
    let mut update = diesel::update(api_keys::table.find(id.as_str()))
        .set((api_keys::revoked_at.eq(first), api_keys::generation.eq(generation)))
        .into_boxed::<Database>();
    if let Some(organization) = organization {
        update = update.filter(api_keys::organization.eq(Id::from(organization)));
    }
    let row: Option<KeyRow> = update.returning(KeyRow::as_returning()).get_result(connection).optional()?;
    Ok(row.map(KeyRow::stored))
}

/// Revokes those that were created with a key and are not revoked. Returns their ids.
pub(crate) fn revoke_keys_created_by(
    connection: &mut Connection,
    organization: OrganizationId,
    creator: &KeyId,
    revoked_at: Timestamp,
    generation: i64,
) -> QueryResult<Vec<String>> {
    let created = api_keys::table
        .filter(api_keys::organization.eq(Id::from(organization)))
        .filter(api_keys::created_by.eq(creator.as_str()))
        .filter(api_keys::revoked_at.is_null());
    diesel::update(created)
        .set((api_keys::revoked_at.eq(Some(Time(revoked_at))), api_keys::generation.eq(generation)))
        .returning(api_keys::id)
        .get_results(connection)
}

/// Revokes those of a source that are not revoked. Returns their ids.
pub(crate) fn revoke_keys_of_source(
    connection: &mut Connection,
    organization: OrganizationId,
    source: SourceId,
    revoked_at: Timestamp,
    generation: i64,
) -> QueryResult<Vec<String>> {
    let of_source = api_keys::table
        .filter(api_keys::organization.eq(Id::from(organization)))
        .filter(api_keys::source.eq(Id::from(source)))
        .filter(api_keys::revoked_at.is_null());
    diesel::update(of_source)
        .set((api_keys::revoked_at.eq(Some(Time(revoked_at))), api_keys::generation.eq(generation)))
        .returning(api_keys::id)
        .get_results(connection)
}

/// Lets a key that is not revoked expire. Keeps an earlier end.
pub(crate) fn retire_key(
    connection: &mut Connection,
    id: &KeyId,
    organization: Option<OrganizationId>,
    expires_at: Timestamp,
    generation: i64,
) -> QueryResult<Option<StoredKey>> {
    let expires_at = Some(Time(expires_at));
    let earlier = case_when(api_keys::expires_at.lt(expires_at), api_keys::expires_at).otherwise(expires_at);
    let mut update = diesel::update(api_keys::table.find(id.as_str()).filter(api_keys::revoked_at.is_null()))
        .set((api_keys::expires_at.eq(earlier), api_keys::generation.eq(generation)))
        .into_boxed::<Database>();
    if let Some(organization) = organization {
        update = update.filter(api_keys::organization.eq(Id::from(organization)));
    }
    let row: Option<KeyRow> = update.returning(KeyRow::as_returning()).get_result(connection).optional()?;
    Ok(row.map(KeyRow::stored))
}

/// In any organization.
pub(crate) fn find_key(connection: &mut Connection, id: &KeyId) -> QueryResult<Option<ApiKey>> {
    let row = api_keys::table.find(id.as_str()).select(KeyRow::as_select()).first(connection).optional()?;
    Ok(row.and_then(KeyRow::read))
}

pub(crate) fn is_key_revoked(connection: &mut Connection, id: &KeyId) -> QueryResult<bool> {
    let revoked = api_keys::table.find(id.as_str()).filter(api_keys::revoked_at.is_not_null());
    diesel::select(exists(revoked)).get_result(connection)
}

/// By id.
pub(crate) fn keys_of(connection: &mut Connection, organization: OrganizationId) -> QueryResult<Vec<ApiKey>> {
    let rows: Vec<KeyRow> = api_keys::table
        .filter(api_keys::organization.eq(Id::from(organization)))
        .order(api_keys::id)
        .select(KeyRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().filter_map(KeyRow::read).collect())
}

/// Those that are not revoked.
pub(crate) fn count_keys(connection: &mut Connection, organization: OrganizationId) -> QueryResult<u64> {
    api_keys::table
        .filter(api_keys::organization.eq(Id::from(organization)))
        .filter(api_keys::revoked_at.is_null())
        .count()
        .get_result(connection)
        .map(i64::unsigned_abs)
}

/// Those of the source that are not revoked.
pub(crate) fn count_tokens(
    connection: &mut Connection,
    organization: OrganizationId,
    source: SourceId,
) -> QueryResult<u64> {
    api_keys::table
        .filter(api_keys::organization.eq(Id::from(organization)))
        .filter(api_keys::source.eq(Id::from(source)))
        .filter(api_keys::kind.eq(KeyKind::Token.as_str()))
        .filter(api_keys::revoked_at.is_null())
        .count()
        .get_result(connection)
        .map(i64::unsigned_abs)
}

/// A page of the keys that changed, from this generation on and after this id in it.
pub(crate) fn changed_keys(
    connection: &mut Connection,
    (generation, id): &(i64, String),
) -> QueryResult<Vec<ChangedRow<String, ApiKey>>> {
    let rows: Vec<KeyRow> = api_keys::table
        .filter(api_keys::generation.ge(generation))
        .filter(api_keys::generation.gt(generation).or(api_keys::id.gt(id)))
        .order((api_keys::generation, api_keys::id))
        .limit(PAGE_OF_CHANGES)
        .select(KeyRow::as_select())
        .load(connection)?;
    let read = |row: KeyRow| ChangedRow { generation: row.generation, id: row.id.clone(), value: row.read() };
    Ok(rows.into_iter().map(read).collect())
}
