//! Organizations.

use std::sync::Arc;

use diesel::dsl::{exists, not};
use diesel::prelude::*;
use leadgate_domain::{ActiveScoring, Organization, OrganizationId, Timestamp};

use super::schema::{organizations, scorings};
use super::{Connection, Database};
use crate::installation::{ChangedRow, PAGE_OF_CHANGES};
use crate::scorings::read_scoring;
use crate::values::{Id, Time};

#[derive(Queryable, Selectable)]
#[diesel(table_name = organizations, check_for_backend(Database))]
struct OrganizationRow {
    id: Id,
    name: String,
    created_at: Time,
    disabled_at: Option<Time>,
    /// `None`: the standard scoring.
    scoring_version: Option<i32>,
    generation: i64,
}

impl OrganizationRow {
    /// With the document of its active scoring.
    fn read(self, scoring: Option<String>) -> Organization {
        let scoring = self.scoring_version.zip(scoring);
        let scoring = scoring.and_then(|(version, document)| read_scoring(version.unsigned_abs(), &document));
        Organization {
            id: self.id.into(),
            name: self.name,
            created_at: self.created_at.into(),
            disabled_at: self.disabled_at.map(Timestamp::from),
            scoring: scoring.map_or_else(ActiveScoring::standard, Arc::new),
        }
    }
}

#[diesel::dsl::auto_type]
fn with_scoring() -> _ {
    let is_active = scorings::version.nullable().eq(organizations::scoring_version);
    organizations::table
        .left_join(scorings::table.on(scorings::organization.eq(organizations::id).and(is_active)))
}

/// Returns the number of new rows: none if the name is in use.
pub(crate) fn insert_organization(
    connection: &mut Connection,
    id: OrganizationId,
    name: &str,
    created_at: Timestamp,
    generation: i64,
) -> QueryResult<usize> {
    let row = (
        organizations::id.eq(Id::from(id)),
        organizations::name.eq(name),
        organizations::created_at.eq(Time(created_at)),
        organizations::generation.eq(generation),
    );
    diesel::insert_into(organizations::table)
        .values(row)
        .on_conflict(organizations::name)
        .do_nothing()
        .execute(connection)
}

/// Returns the number of changed rows: none if the name is in use.
pub(crate) fn rename_organization(
    connection: &mut Connection,
    id: OrganizationId,
    name: &str,
    generation: i64,
) -> QueryResult<usize> {
    let other = diesel::alias!(organizations as other);
    let is_taken = exists(other.filter(other.field(organizations::name).eq(name)));
    diesel::update(organizations::table.find(Id::from(id)).filter(not(is_taken)))
        .set((organizations::name.eq(name), organizations::generation.eq(generation)))
        .execute(connection)
}

/// Returns the number of changed rows: none if it was disabled before.
pub(crate) fn disable_organization(
    connection: &mut Connection,
    id: OrganizationId,
    disabled_at: Timestamp,
    generation: i64,
) -> QueryResult<usize> {
    diesel::update(organizations::table.find(Id::from(id)).filter(organizations::disabled_at.is_null()))
        .set((
            organizations::disabled_at.eq(Some(Time(disabled_at))),
            organizations::generation.eq(generation),
        ))
        .execute(connection)
}

/// Returns the number of changed rows: none if it was not disabled.
pub(crate) fn enable_organization(
    connection: &mut Connection,
    id: OrganizationId,
    generation: i64,
) -> QueryResult<usize> {
    diesel::update(organizations::table.find(Id::from(id)).filter(organizations::disabled_at.is_not_null()))
        .set((organizations::disabled_at.eq(None::<Time>), organizations::generation.eq(generation)))
        .execute(connection)
}

pub(crate) fn find_organization_named(
    connection: &mut Connection,
    name: &str,
) -> QueryResult<Option<Organization>> {
    let found: Option<(OrganizationRow, Option<String>)> = with_scoring()
        .filter(organizations::name.eq(name))
        .select((OrganizationRow::as_select(), scorings::document.nullable()))
        .first(connection)
        .optional()?;
    Ok(found.map(|(row, scoring)| row.read(scoring)))
}

/// A page of the organizations that changed, from this generation on and after this id in it.
pub(crate) fn changed_organizations(
    connection: &mut Connection,
    &(generation, id): &(i64, Id),
) -> QueryResult<Vec<ChangedRow<Id, Organization>>> {
    let found: Vec<(OrganizationRow, Option<String>)> = with_scoring()
        .filter(organizations::generation.ge(generation))
        .filter(organizations::generation.gt(generation).or(organizations::id.gt(id)))
        .order((organizations::generation, organizations::id))
        .limit(PAGE_OF_CHANGES)
        .select((OrganizationRow::as_select(), scorings::document.nullable()))
        .load(connection)?;
    let read = |(row, scoring): (OrganizationRow, Option<String>)| ChangedRow {
        generation: row.generation,
        id: row.id,
        value: Some(row.read(scoring)),
    };
    Ok(found.into_iter().map(read).collect())
}
