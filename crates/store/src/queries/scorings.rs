//! Scorings of organizations.

use diesel::dsl::{exists, max};
use diesel::prelude::*;
use leadgate_domain::{ActiveScoring, OrganizationId, Scoring, Timestamp};

use super::Connection;
use super::schema::{organizations, scorings};
use crate::error::TransactionError;
use crate::scorings::{ScoringRecord, read_scoring};
use crate::values::{Id, Time, document};

/// Adds the next version. `None` if the organization does not exist. The transaction has locked the installation's row,
/// so versions are counted by one transaction at a time.
pub(crate) fn insert_scoring(
    connection: &mut Connection,
    organization: OrganizationId,
    scoring: &Scoring,
    created_at: Timestamp,
) -> Result<Option<u32>, TransactionError> {
    let organization = Id::from(organization);
    if !diesel::select(exists(organizations::table.find(organization))).get_result(connection)? {
        return Ok(None);
    }
    let last: Option<i32> = scorings::table
        .filter(scorings::organization.eq(organization))
        .select(max(scorings::version))
        .get_result(connection)?;
    let version = last.unwrap_or(0) + 1;
    let row = (
        scorings::organization.eq(organization),
        scorings::version.eq(version),
        scorings::document.eq(document(scoring)?),
        scorings::created_at.eq(Time(created_at)),
    );
    diesel::insert_into(scorings::table).values(row).execute(connection)?;
    Ok(Some(version.unsigned_abs()))
}

/// Activates a version, or none. False if the organization or the version does not exist.
pub(crate) fn activate_scoring(
    connection: &mut Connection,
    organization: OrganizationId,
    version: Option<u32>,
    generation: i64,
) -> QueryResult<bool> {
    let organization = Id::from(organization);
    let version = version.map(|version| i32::try_from(version).unwrap_or(i32::MAX));
    if let Some(version) = version {
        let stored = scorings::table.find((organization, version));
        if !diesel::select(exists(stored)).get_result(connection)? {
            return Ok(false);
        }
    }
    let changed = diesel::update(organizations::table.find(organization))
        .set((organizations::scoring_version.eq(version), organizations::generation.eq(generation)))
        .execute(connection)?;
    Ok(changed > 0)
}

/// Deletes versions up to this one.
pub(crate) fn delete_scorings(
    connection: &mut Connection,
    organization: OrganizationId,
    version: u32,
) -> QueryResult<usize> {
    let version = i32::try_from(version).unwrap_or(i32::MAX);
    let outdated = scorings::table
        .filter(scorings::organization.eq(Id::from(organization)))
        .filter(scorings::version.le(version));
    diesel::delete(outdated).execute(connection)
}

/// By version, without those that only a newer build can read.
pub(crate) fn scorings_of(
    connection: &mut Connection,
    organization: OrganizationId,
) -> QueryResult<Vec<ScoringRecord>> {
    let found: Vec<(i32, String, Time, Option<i32>)> = scorings::table
        .inner_join(organizations::table.on(organizations::id.eq(scorings::organization)))
        .filter(scorings::organization.eq(Id::from(organization)))
        .order(scorings::version)
        .select((scorings::version, scorings::document, scorings::created_at, organizations::scoring_version))
        .load(connection)?;
    let read = |(version, document, created_at, active): (i32, String, Time, Option<i32>)| {
        let ActiveScoring { version: number, scoring } = read_scoring(version.unsigned_abs(), &document)?;
        let active = active == Some(version);
        Some(ScoringRecord { version: number, scoring, created_at: created_at.into(), active })
    };
    Ok(found.into_iter().filter_map(read).collect())
}
