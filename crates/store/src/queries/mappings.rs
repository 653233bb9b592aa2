//! Mappings of sources.

use diesel::dsl::{exists, max};
use diesel::prelude::*;
use leadgate_domain::mapping::Mapping;
use leadgate_domain::{OrganizationId, SourceId, Timestamp};

use super::Connection;
use super::schema::{mappings, sources};
use crate::error::TransactionError;
use crate::mappings::MappingRecord;
use crate::values::{Id, Time, document};

/// Adds the next version. `None` if the organization does not have the source. The transaction has locked the
/// installation's row, so versions are counted by one transaction at a time.
pub(crate) fn insert_mapping(
    connection: &mut Connection,
    organization: OrganizationId,
    source: SourceId,
    mapping: &Mapping,
    created_at: Timestamp,
) -> Result<Option<u32>, TransactionError> {
    let (organization, source) = (Id::from(organization), Id::from(source));
    let owned = sources::table.find(source).filter(sources::organization.eq(organization));
    if !diesel::select(exists(owned)).get_result(connection)? {
        return Ok(None);
    }
    let last: Option<i32> = mappings::table
        .filter(mappings::organization.eq(organization))
        .filter(mappings::source.eq(source))
        .select(max(mappings::version))
        .get_result(connection)?;
    let version = last.unwrap_or(0) + 1;
    let row = (
        mappings::organization.eq(organization),
        mappings::source.eq(source),
        mappings::version.eq(version),
        mappings::document.eq(document(mapping)?),
        mappings::created_at.eq(Time(created_at)),
    );
    diesel::insert_into(mappings::table).values(row).execute(connection)?;
    Ok(Some(version.unsigned_abs()))
}

/// Activates a version, or none. The source gets its next revision. False if the source or the version does not exist.
pub(crate) fn activate_mapping(
    connection: &mut Connection,
    organization: OrganizationId,
    source: SourceId,
    version: Option<u32>,
    generation: i64,
) -> QueryResult<bool> {
    let (organization, source) = (Id::from(organization), Id::from(source));
    let version = version.map(|version| i32::try_from(version).unwrap_or(i32::MAX));
    let mut active: Option<String> = None;
    if let Some(version) = version {
        let stored = mappings::table.find((organization, source, version)).select(mappings::document);
        active = stored.first(connection).optional()?;
        if active.is_none() {
            return Ok(false);
        }
    }
    let changed = diesel::update(sources::table.find(source).filter(sources::organization.eq(organization)))
        .set((
            sources::mapping_version.eq(version),
            sources::mapping.eq(active),
            sources::revision.eq(sources::revision + 1),
            sources::generation.eq(generation),
        ))
        .execute(connection)?;
    Ok(changed > 0)
}

/// By version, without those that only a newer build can read.
pub(crate) fn mappings_of(
    connection: &mut Connection,
    organization: OrganizationId,
    source: SourceId,
) -> QueryResult<Vec<MappingRecord>> {
    let owner = sources::id.eq(mappings::source).and(sources::organization.eq(mappings::organization));
    let found: Vec<(i32, String, Time, Option<i32>)> = mappings::table
        .inner_join(sources::table.on(owner))
        .filter(mappings::organization.eq(Id::from(organization)))
        .filter(mappings::source.eq(Id::from(source)))
        .order(mappings::version)
        .select((mappings::version, mappings::document, mappings::created_at, sources::mapping_version))
        .load(connection)?;
    let read = |(version, document, created_at, active): (i32, String, Time, Option<i32>)| {
        let Ok(mapping) = serde_json::from_str(&document) else {
            tracing::warn!(mapping.version = version, "this build cannot read a mapping");
            return None;
        };
        let active = active == Some(version);
        Some(MappingRecord {
            version: version.unsigned_abs(),
            mapping,
            created_at: created_at.into(),
            active,
        })
    };
    Ok(found.into_iter().filter_map(read).collect())
}
