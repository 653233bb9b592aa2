//! Sources.

use std::sync::Arc;
use std::time::Duration;

use diesel::dsl::exists;
use diesel::prelude::*;
use leadgate_domain::mapping::ActiveMapping;
use leadgate_domain::{Dialect, OrganizationId, Source, SourceId, Timestamp};
use serde::Serialize;

use super::schema::sources;
use super::{Connection, Database};
use crate::audit::differences;
use crate::error::{StoreError, TransactionError};
use crate::installation::{ChangedRow, PAGE_OF_CHANGES};
use crate::page::Page;
use crate::sources::SourceUpdate;
use crate::values::{Id, Time, document};

/// A source as its columns hold it. What only a newer build can read is text here.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sources, check_for_backend(Database), treat_none_as_default_value = false)]
struct SourceRow {
    id: Id,
    organization: Id,
    dialect: String,
    revision: i32,
    #[diesel(embed)]
    settings: SettingsRow,
    /// Written with the mappings.
    mapping_version: Option<i32>,
    mapping: Option<String>,
    created_at: Time,
    generation: i64,
}

/// What a change of a source may change.
#[derive(Queryable, Selectable, Insertable, AsChangeset, Serialize)]
#[diesel(table_name = sources, check_for_backend(Database), treat_none_as_default_value = false)]
#[diesel(treat_none_as_null = true)]
struct SettingsRow {
    name: Option<String>,
    default_region: Option<String>,
    timezone: Option<String>,
    tags: String,
    identity_rule: String,
    identity: String,
    gmail_identity: String,
    policy: String,
    consent: String,
    /// In seconds.
    consent_max_age: Option<i64>,
    rate: Option<String>,
    campaign: Option<String>,
    networks: String,
    signature: Option<String>,
    disabled_at: Option<Time>,
    deleted_at: Option<Time>,
}

impl SettingsRow {
    fn new(source: &Source) -> Result<Self, StoreError> {
        let networks: Vec<String> = source.networks.iter().map(ToString::to_string).collect();
        let seconds = |age: Duration| i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
        Ok(Self {
            name: source.name.clone(),
            default_region: source.default_region.map(|region| region.to_string()),
            timezone: source.timezone.as_ref().map(|zone| zone.to_string()),
            tags: document(&source.tags)?,
            identity_rule: source.identity_rule.to_string(),
            identity: document(&source.identity)?,
            gmail_identity: source.gmail_identity.to_string(),
            policy: source.policy.to_string(),
            consent: source.consent.to_string(),
            consent_max_age: source.consent_max_age.map(seconds),
            rate: source.rate.map(|rate| rate.to_string()),
            campaign: source.campaign.clone(),
            networks: document(&networks)?,
            signature: source.signature.as_ref().map(document).transpose()?,
            disabled_at: source.disabled_at.map(Time),
            deleted_at: source.deleted_at.map(Time),
        })
    }
}

impl SourceRow {
    /// Without a mapping.
    fn new(source: &Source, generation: i64) -> Result<Self, StoreError> {
        Ok(Self {
            id: source.id.into(),
            organization: source.organization.into(),
            dialect: source.dialect.to_string(),
            revision: source.revision,
            settings: SettingsRow::new(source)?,
            mapping_version: None,
            mapping: None,
            created_at: source.created_at.into(),
            generation,
        })
    }

    /// `None`, and a warning, for what only a newer build can read: the others are still good.
    fn read(self) -> Option<Source> {
        let id = SourceId::from(self.id);
        let source = self.parse();
        if source.is_none() {
            tracing::warn!(source.id = %id, "this build cannot read a source and ignores it");
        }
        source
    }

    fn parse(self) -> Option<Source> {
        let settings = self.settings;
        let networks: Vec<String> = serde_json::from_str(&settings.networks).ok()?;
        let mapping = match (self.mapping_version, self.mapping) {
            (Some(version), Some(document)) => {
                let mapping = serde_json::from_str(&document).ok()?;
                Some(Arc::new(ActiveMapping { version: version.unsigned_abs(), mapping }))
            }
            _ => None,
        };
        Some(Source {
            id: self.id.into(),
            organization: self.organization.into(),
            dialect: self.dialect.parse().ok()?,
            name: settings.name,
            revision: self.revision,
            default_region: settings.default_region.map(|region| region.parse()).transpose().ok()?,
            timezone: settings.timezone.map(|zone| zone.parse()).transpose().ok()?,
            tags: serde_json::from_str(&settings.tags).ok()?,
            identity_rule: settings.identity_rule.parse().ok()?,
            identity: serde_json::from_str(&settings.identity).ok()?,
            gmail_identity: settings.gmail_identity.parse().ok()?,
            policy: settings.policy.parse().ok()?,
            consent: settings.consent.parse().ok()?,
            consent_max_age: settings.consent_max_age.map(|age| Duration::from_secs(age.unsigned_abs())),
            rate: settings.rate.map(|rate| rate.parse()).transpose().ok()?,
            campaign: settings.campaign,
            networks: networks.iter().map(|network| network.parse()).collect::<Result<_, _>>().ok()?,
            signature: settings.signature.map(|text| serde_json::from_str(&text)).transpose().ok()?,
            mapping,
            disabled_at: settings.disabled_at.map(Timestamp::from),
            deleted_at: settings.deleted_at.map(Timestamp::from),
            created_at: self.created_at.into(),
        })
    }

    /// About its length in an answer.
    fn size(&self) -> usize {
        let Self { settings, mapping, .. } = self;
        let long = [&settings.tags, &settings.identity, &settings.networks];
        let optional = [&settings.name, &settings.signature, mapping];
        let optional = optional.into_iter().flatten();
        600 + long.into_iter().chain(optional).map(String::len).sum::<usize>()
    }
}

/// A second default source and the campaign of another source are refused.
pub(crate) fn insert_source(
    connection: &mut Connection,
    source: &Source,
    generation: i64,
) -> Result<(), TransactionError> {
    let row = SourceRow::new(source, generation)?;
    Ok(diesel::insert_into(sources::table).values(row).execute(connection).map(drop)?)
}

/// Changes the settings of a source that is still at this revision, and gives it the next one.
pub(crate) fn update_source(
    connection: &mut Connection,
    source: &Source,
    generation: i64,
) -> Result<Option<SourceUpdate>, TransactionError> {
    let stored = sources::table.find(Id::from(source.id));
    let before: Option<SettingsRow> = stored.select(SettingsRow::as_select()).first(connection).optional()?;
    let unchanged = stored
        .filter(sources::organization.eq(Id::from(source.organization)))
        .filter(sources::revision.eq(source.revision));
    let after: Option<SourceRow> = diesel::update(unchanged)
        .set((
            SettingsRow::new(source)?,
            sources::revision.eq(sources::revision + 1),
            sources::generation.eq(generation),
        ))
        .returning(SourceRow::as_returning())
        .get_result(connection)
        .optional()?;
    let Some((before, after)) = before.zip(after) else { return Ok(None) };
    Ok(Some(SourceUpdate {
        was_disabled_at: before.disabled_at.map(Timestamp::from),
        was_deleted_at: before.deleted_at.map(Timestamp::from),
        changed: differences(&before, &after.settings),
        source: after.read(),
    }))
}

pub(crate) fn count_sources(connection: &mut Connection, organization: OrganizationId) -> QueryResult<u64> {
    sources::table
        .filter(sources::organization.eq(Id::from(organization)))
        .filter(sources::deleted_at.is_null())
        .count()
        .get_result(connection)
        .map(i64::unsigned_abs)
}

pub(crate) fn is_source_deleted(connection: &mut Connection, id: SourceId) -> QueryResult<bool> {
    let deleted = sources::table.find(Id::from(id)).filter(sources::deleted_at.is_not_null());
    diesel::select(exists(deleted)).get_result(connection)
}

pub(crate) fn find_default_source(
    connection: &mut Connection,
    organization: OrganizationId,
    dialect: Dialect,
) -> QueryResult<Option<Source>> {
    let found = sources::table
        .filter(sources::organization.eq(Id::from(organization)))
        .filter(sources::dialect.eq(dialect.to_string()))
        .filter(sources::name.is_null())
        .select(SourceRow::as_select())
        .first(connection)
        .optional()?;
    Ok(found.and_then(SourceRow::read))
}

pub(crate) fn find_campaign(connection: &mut Connection, campaign: &str) -> QueryResult<Option<Source>> {
    let found = sources::table
        .filter(sources::campaign.eq(campaign))
        .select(SourceRow::as_select())
        .first(connection)
        .optional()?;
    Ok(found.and_then(SourceRow::read))
}

/// In any organization.
pub(crate) fn sources_by_id(connection: &mut Connection, ids: &[SourceId]) -> QueryResult<Vec<Source>> {
    let rows: Vec<SourceRow> = sources::table
        .filter(sources::id.eq_any(ids.iter().map(|id| Id::from(*id))))
        .select(SourceRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().filter_map(SourceRow::read).collect())
}

/// All sources of an organization, by id.
pub(crate) fn sources_of(
    connection: &mut Connection,
    organization: OrganizationId,
) -> QueryResult<Vec<Source>> {
    let rows: Vec<SourceRow> = sources::table
        .filter(sources::organization.eq(Id::from(organization)))
        .order(sources::id)
        .select(SourceRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().filter_map(SourceRow::read).collect())
}

/// By id, after this one.
pub(crate) fn sources_page(
    connection: &mut Connection,
    organization: OrganizationId,
    after: Option<SourceId>,
    limit: u32,
) -> QueryResult<Page<Source, SourceId>> {
    let after = after.map_or(Id(uuid::Uuid::nil()), Id::from);
    let rows: Vec<SourceRow> = sources::table
        .filter(sources::organization.eq(Id::from(organization)))
        .filter(sources::id.gt(after))
        .order(sources::id)
        .limit(i64::from(limit) + 1)
        .select(SourceRow::as_select())
        .load(connection)?;
    let page = Page::fit(rows, limit, SourceRow::size, |row| row.id.into());
    Ok(Page { data: page.data.into_iter().filter_map(SourceRow::read).collect(), next: page.next })
}

/// A page of the sources that changed, from this generation on and after this id in it.
pub(crate) fn changed_sources(
    connection: &mut Connection,
    &(generation, id): &(i64, Id),
) -> QueryResult<Vec<ChangedRow<Id, Source>>> {
    let rows: Vec<SourceRow> = sources::table
        .filter(sources::generation.ge(generation))
        .filter(sources::generation.gt(generation).or(sources::id.gt(id)))
        .order((sources::generation, sources::id))
        .limit(PAGE_OF_CHANGES)
        .select(SourceRow::as_select())
        .load(connection)?;
    let read = |row: SourceRow| ChangedRow { generation: row.generation, id: row.id, value: row.read() };
    Ok(rows.into_iter().map(read).collect())
}
