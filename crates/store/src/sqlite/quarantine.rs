//! The quarantine.

use diesel::dsl::{exists, not};
use diesel::prelude::*;
use leadgate_domain::Timestamp;
use uuid::Uuid;

pub(crate) use super::queries::quarantine::*;
use super::schema::{quarantine, submissions};
use crate::commit::SubmissionKey;
use crate::rows::NewQuarantineEntry;
use crate::values::{Id, Time};

pub(crate) fn insert_entries(
    connection: &mut SqliteConnection,
    new: &[NewQuarantineEntry],
) -> QueryResult<()> {
    for row in new.iter().map(QuarantineRow::from) {
        diesel::insert_into(quarantine::table).values(row).execute(connection)?;
    }
    Ok(())
}

/// Adds entries for submissions whose id is stored with another body, and that are not there yet. Where anything under
/// the id was erased, its body is unknown: all are treated as redeliveries. Returns the ids of the entries.
pub(crate) fn insert_reused(
    connection: &mut SqliteConnection,
    new: &[NewQuarantineEntry],
) -> QueryResult<Vec<Uuid>> {
    let mut inserted = Vec::new();
    for row in new.iter().map(QuarantineRow::from) {
        let other = submissions::table
            .filter(submissions::organization.eq(row.organization))
            .filter(submissions::id.eq(row.submission))
            .filter(submissions::body_hash.ne(row.body_hash))
            .filter(submissions::erased_at.is_null());
        let erased = quarantine::table
            .filter(quarantine::organization.eq(row.organization))
            .filter(quarantine::submission.eq(row.submission))
            .filter(quarantine::id.ne(quarantine::submission))
            .filter(quarantine::erased_at.is_not_null());
        let is_reused: bool =
            diesel::select(exists(other).and(not(exists(erased)))).get_result(connection)?;
        if !is_reused {
            continue;
        }
        let id = row.id;
        let insert = diesel::insert_into(quarantine::table).values(row).on_conflict_do_nothing();
        if insert.execute(connection)? > 0 {
            inserted.push(id.into());
        }
    }
    Ok(inserted)
}

/// Releases what is open and was not released before by the same release or a later one. Returns the keys of those, and
/// whether the submission came under the id of another, so that only the entry holds it.
pub(crate) fn release_entries(
    connection: &mut SqliteConnection,
    releases: &[(SubmissionKey, Timestamp)],
) -> QueryResult<Vec<(SubmissionKey, bool)>> {
    let mut released = Vec::new();
    for (key, released_at) in releases {
        let open = quarantine::table
            .find((Id::from(key.organization), Id::from(key.id)))
            .filter(quarantine::state.eq("open"))
            .filter(quarantine::settled_at.is_null().or(quarantine::settled_at.lt(Time(*released_at))));
        let change = (
            quarantine::state.eq("released"),
            quarantine::settled_at.eq(Time(*released_at)),
            quarantine::settled_by.eq(None::<String>),
            quarantine::note.eq(None::<String>),
        );
        let submission: Option<Id> = diesel::update(open)
            .set(change)
            .returning(quarantine::submission)
            .get_result(connection)
            .optional()?;
        released.extend(submission.map(|submission| (*key, submission != Id::from(key.id))));
    }
    Ok(released)
}

/// Opens released entries again.
pub(crate) fn reopen_entries(
    connection: &mut SqliteConnection,
    new: &[NewQuarantineEntry],
) -> QueryResult<()> {
    for row in new.iter().map(QuarantineRow::from) {
        let change = (
            quarantine::state.eq("open"),
            quarantine::reason.eq(row.reason),
            quarantine::quarantined_at.eq(row.quarantined_at),
        );
        diesel::update(quarantine::table.find((row.organization, row.id))).set(change).execute(connection)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use leadgate_domain::{OrganizationId, SubmissionId};

    use super::*;
    use crate::quarantine_entries::QuarantineState;
    use crate::sqlite::plans::plan_of;

    #[test]
    fn entries_are_found_by_an_index() {
        let (organization, id) = (OrganizationId::generate(), SubmissionId::from_uuid(Uuid::max()));
        let entries = |index: &str, range: &str| format!("SEARCH quarantine USING INDEX {index} ({range})");
        let by_id = |range: &str| entries("sqlite_autoindex_quarantine_1", range);
        let page = |state| {
            plan_of(|connection| page_of_entries(connection, organization, state, Uuid::max(), 10)).remove(0)
        };
        assert_eq!(page(None), by_id("organization=? AND id<?"));
        let in_state = entries("quarantine_by_state", "organization=? AND state>? AND (state,id)<(?,?)");
        assert_eq!(page(Some(QuarantineState::Open)), in_state);
        let contents = plan_of(|connection| page_of_contents(connection, organization, Uuid::nil(), 10));
        assert_eq!(contents.first(), Some(&by_id("organization=? AND id>?")));
        let records = plan_of(|connection| records_of_submission(connection, organization, id));
        let by_submission = entries("sqlite_autoindex_quarantine_2", "organization=? AND submission=?");
        assert_eq!(records, [by_submission, by_id("organization=? AND id=?")]);
    }
}
