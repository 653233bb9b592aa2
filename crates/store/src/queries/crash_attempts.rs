//! How often the processing of a submission was started.

use diesel::prelude::*;
use diesel::upsert::excluded;
use leadgate_domain::{SubmissionId, Timestamp};

use super::Connection;
use super::schema::crash_attempts;
use crate::values::{Id, Time};

/// Returns the number of attempts, including this one.
pub(crate) fn count_attempt(
    connection: &mut Connection,
    submission: SubmissionId,
    at: Timestamp,
) -> QueryResult<i32> {
    let first = (
        crash_attempts::submission.eq(Id::from(submission)),
        crash_attempts::attempts.eq(1),
        crash_attempts::last_at.eq(Time(at)),
    );
    let another = (
        crash_attempts::attempts.eq(crash_attempts::attempts + 1),
        crash_attempts::last_at.eq(excluded(crash_attempts::last_at)),
    );
    diesel::insert_into(crash_attempts::table)
        .values(first)
        .on_conflict(crash_attempts::submission)
        .do_update()
        .set(another)
        .returning(crash_attempts::attempts)
        .get_result(connection)
}

pub(crate) fn delete_attempts(
    connection: &mut Connection,
    submissions: &[SubmissionId],
) -> QueryResult<usize> {
    let submissions = submissions.iter().map(|submission| Id::from(*submission));
    diesel::delete(crash_attempts::table.filter(crash_attempts::submission.eq_any(submissions)))
        .execute(connection)
}

/// Deletes the attempts of submissions that were last started before this time. It reads the whole table, which holds
/// the submissions that crashed a worker in the last days.
pub(crate) fn purge_attempts(connection: &mut Connection, before: Timestamp) -> QueryResult<usize> {
    diesel::delete(crash_attempts::table.filter(crash_attempts::last_at.lt(Time(before)))).execute(connection)
}
