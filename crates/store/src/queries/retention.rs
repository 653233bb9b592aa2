//! Retention: the settings of organizations, and the pages of what is older.

use std::time::Duration;

use diesel::prelude::*;
use diesel::upsert::excluded;
use leadgate_domain::{LeadId, OrganizationId, Retention, SubmissionId, Timestamp};
use uuid::Uuid;

use super::schema::{attempts, audit, deliveries, events, leads, quarantine, retention, submissions};
use super::{Connection, Database};
use crate::quarantine_entries::QuarantineState;
use crate::retention::{OldQuarantineEntry, OrganizationRetention, SubmissionSweepProgress, UuidRangePage};
use crate::values::{Code, Id, Time};

#[derive(Queryable, Selectable)]
#[diesel(table_name = retention, check_for_backend(Database))]
struct RetentionRow {
    organization: Id,
    submissions_seconds: Option<i64>,
    leads_seconds: Option<i64>,
    quarantine_seconds: Option<i64>,
    audit_seconds: Option<i64>,
    events_seconds: Option<i64>,
    submissions_swept_to: Option<Id>,
    last_full_sweep_at: Option<Time>,
    leads_swept_to: Option<Id>,
}

impl From<RetentionRow> for OrganizationRetention {
    fn from(row: RetentionRow) -> Self {
        let age = |seconds: Option<i64>| Some(Duration::from_secs(seconds?.try_into().unwrap_or(u64::MAX)));
        Self {
            organization: row.organization.into(),
            retention: Retention {
                submissions: age(row.submissions_seconds),
                leads: age(row.leads_seconds),
                quarantine: age(row.quarantine_seconds),
                audit: age(row.audit_seconds),
                events: age(row.events_seconds),
            },
            submissions_swept_to: row.submissions_swept_to.map(Uuid::from),
            last_full_sweep_at: row.last_full_sweep_at.map(|at| at.0),
            leads_swept_to: row.leads_swept_to.map(Uuid::from),
        }
    }
}

pub(crate) fn set_retention(
    connection: &mut Connection,
    organization: OrganizationId,
    ages: Retention,
) -> QueryResult<()> {
    let seconds = |age: Option<Duration>| Some(i64::try_from(age?.as_secs()).unwrap_or(i64::MAX));
    let row = (
        retention::organization.eq(Id::from(organization)),
        retention::submissions_seconds.eq(seconds(ages.submissions)),
        retention::leads_seconds.eq(seconds(ages.leads)),
        retention::quarantine_seconds.eq(seconds(ages.quarantine)),
        retention::audit_seconds.eq(seconds(ages.audit)),
        retention::events_seconds.eq(seconds(ages.events)),
    );
    diesel::insert_into(retention::table)
        .values(row)
        .on_conflict(retention::organization)
        .do_update()
        .set((
            retention::submissions_seconds.eq(excluded(retention::submissions_seconds)),
            retention::leads_seconds.eq(excluded(retention::leads_seconds)),
            retention::quarantine_seconds.eq(excluded(retention::quarantine_seconds)),
            retention::audit_seconds.eq(excluded(retention::audit_seconds)),
            retention::events_seconds.eq(excluded(retention::events_seconds)),
        ))
        .execute(connection)
        .map(drop)
}

pub(crate) fn find_retention(
    connection: &mut Connection,
    organization: OrganizationId,
) -> QueryResult<Option<OrganizationRetention>> {
    let row: Option<RetentionRow> = retention::table
        .find(Id::from(organization))
        .select(RetentionRow::as_select())
        .get_result(connection)
        .optional()?;
    Ok(row.map(OrganizationRetention::from))
}

pub(crate) fn all_retention(connection: &mut Connection) -> QueryResult<Vec<OrganizationRetention>> {
    let rows: Vec<RetentionRow> = retention::table.select(RetentionRow::as_select()).load(connection)?;
    Ok(rows.into_iter().map(OrganizationRetention::from).collect())
}

pub(crate) fn set_submission_progress(
    connection: &mut Connection,
    progress: &SubmissionSweepProgress,
) -> QueryResult<()> {
    let change = (
        retention::submissions_swept_to.eq(Id(progress.swept_to)),
        retention::last_full_sweep_at.eq(progress.last_full_sweep_at.map(Time)),
    );
    let row = retention::table.find(Id::from(progress.organization));
    diesel::update(row).set(change).execute(connection).map(drop)
}

pub(crate) fn set_lead_progress(
    connection: &mut Connection,
    organization: OrganizationId,
    swept_to: Option<Uuid>,
) -> QueryResult<()> {
    let change = retention::leads_swept_to.eq(swept_to.map(Id));
    let row = retention::table.find(Id::from(organization));
    diesel::update(row).set(change).execute(connection).map(drop)
}

/// Submissions, by id, and whether they are erased.
pub(crate) fn submissions_between(
    connection: &mut Connection,
    page: UuidRangePage,
) -> QueryResult<Vec<(SubmissionId, bool)>> {
    let rows: Vec<(Id, bool)> = submissions::table
        .filter(submissions::organization.eq(Id::from(page.organization)))
        .filter(submissions::id.gt(Id(page.id)).and(submissions::id.lt(Id(page.before))))
        .order(submissions::id)
        .limit(page.most.into())
        .select((submissions::id, submissions::erased_at.is_not_null()))
        .load(connection)?;
    Ok(rows.into_iter().map(|(id, is_erased)| (id.into(), is_erased)).collect())
}

/// Leads, by id, and when they were updated.
pub(crate) fn leads_between(
    connection: &mut Connection,
    page: UuidRangePage,
) -> QueryResult<Vec<(LeadId, Timestamp)>> {
    let rows: Vec<(Id, Time)> = leads::table
        .filter(leads::organization.eq(Id::from(page.organization)))
        .filter(leads::id.gt(Id(page.id)).and(leads::id.lt(Id(page.before))))
        .order(leads::id)
        .limit(page.most.into())
        .select((leads::id, leads::updated_at))
        .load(connection)?;
    Ok(rows.into_iter().map(|(id, updated_at)| (id.into(), updated_at.into())).collect())
}

/// Entries of the quarantine, by id, that are not erased, and not released: those go with their submissions.
pub(crate) fn entries_between(
    connection: &mut Connection,
    page: UuidRangePage,
) -> QueryResult<Vec<OldQuarantineEntry>> {
    let rows: Vec<(Id, Id, Time)> = quarantine::table
        .filter(quarantine::organization.eq(Id::from(page.organization)))
        .filter(quarantine::id.gt(Id(page.id)).and(quarantine::id.lt(Id(page.before))))
        .filter(quarantine::erased_at.is_null())
        .filter(quarantine::state.ne(Code(QuarantineState::Released)))
        .order(quarantine::id)
        .limit(page.most.into())
        .select((quarantine::id, quarantine::submission, quarantine::quarantined_at))
        .load(connection)?;
    let read = |(id, submission, quarantined_at): (Id, Id, Time)| OldQuarantineEntry {
        id: id.into(),
        submission: submission.into(),
        quarantined_at: quarantined_at.into(),
    };
    Ok(rows.into_iter().map(read).collect())
}

/// Deletes the oldest rows of a page, by a column with an id that is ordered by time. Returns how many.
macro_rules! delete_between {
    ($connection:expr, $page:expr, $table:ident::$column:ident) => {{
        let page: UuidRangePage = $page;
        let old: Vec<Id> = $table::table
            .filter($table::organization.eq(Id::from(page.organization)))
            .filter($table::$column.gt(Id(page.id)).and($table::$column.lt(Id(page.before))))
            .order($table::$column)
            .limit(page.most.into())
            .select($table::$column)
            .load($connection)?;
        let old = $table::table.filter(among!($table::$column, page.organization, old.into_iter()));
        diesel::delete(old).execute($connection)
    }};
}

/// Deletes the oldest entries of the audit log. Returns how many.
pub(crate) fn delete_audit_between(connection: &mut Connection, page: UuidRangePage) -> QueryResult<usize> {
    delete_between!(connection, page, audit::id)
}

pub(crate) fn delete_events_between(connection: &mut Connection, page: UuidRangePage) -> QueryResult<usize> {
    delete_between!(connection, page, events::id)
}

/// Deletes deliveries of the oldest events.
pub(crate) fn delete_deliveries_between(
    connection: &mut Connection,
    page: UuidRangePage,
) -> QueryResult<usize> {
    delete_between!(connection, page, deliveries::event)
}

pub(crate) fn delete_attempts_between(
    connection: &mut Connection,
    page: UuidRangePage,
) -> QueryResult<usize> {
    delete_between!(connection, page, attempts::id)
}

/// The default settings, if the organization has none.
pub(crate) fn ensure_retention(connection: &mut Connection, organization: OrganizationId) -> QueryResult<()> {
    let Retention { events, .. } = Retention::default();
    let seconds = events.map(|age| i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
    let row = (retention::organization.eq(Id::from(organization)), retention::events_seconds.eq(seconds));
    let inserting = diesel::insert_into(retention::table).values(row).on_conflict_do_nothing();
    inserting.execute(connection).map(drop)
}
