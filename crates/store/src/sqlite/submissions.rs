//! Submissions: what is there already is kept.

use diesel::prelude::*;

pub(crate) use super::queries::submissions::*;
use super::schema::submissions;
use crate::commit::{SubmissionKey, key_of};
use crate::error::TransactionError;
use crate::rows::SubmissionToStore;

/// Adds those that are not there, and returns their keys.
pub(crate) fn insert_submissions(
    connection: &mut SqliteConnection,
    new: &[SubmissionToStore<'_>],
) -> Result<Vec<SubmissionKey>, TransactionError> {
    let mut inserted = Vec::with_capacity(new.len());
    for one in new {
        let row = SubmissionRow::new(one)?;
        let insert = diesel::insert_into(submissions::table).values(row).on_conflict_do_nothing();
        if insert.execute(connection)? > 0 {
            inserted.push(key_of(one.submission));
        }
    }
    Ok(inserted)
}

#[cfg(test)]
mod tests {
    use leadgate_domain::{OrganizationId, SourceId, SubmissionId};
    use uuid::Uuid;

    use super::*;
    use crate::sqlite::plans::plan_of;

    #[test]
    fn submissions_are_found_by_an_index() {
        let (organization, source) = (OrganizationId::generate(), SourceId::generate());
        let id = SubmissionId::from_uuid(Uuid::nil());
        let by_key =
            |range: &str| format!("SEARCH submissions USING INDEX sqlite_autoindex_submissions_1 ({range})");
        let one = by_key("organization=? AND id=?");
        assert_eq!(plan_of(|connection| find_submission(connection, organization, id)), [one.as_str()]);
        assert_eq!(plan_of(|connection| find_source_of(connection, organization, id)), [one.as_str()]);
        let several = [id; 200];
        let found = plan_of(|connection| unerased_submissions(connection, organization, &several));
        assert_eq!(found, [one.as_str()]);
        let recent = plan_of(|connection| recent_submissions(connection, organization, source, 5));
        let by_source = "SEARCH submissions USING INDEX submissions_by_source (organization=? AND source=?)";
        assert_eq!(recent, [by_source]);
        let page = plan_of(|connection| page_of_submissions(connection, organization, id, 5));
        assert_eq!(page.first(), Some(&by_key("organization=? AND id>?")));
    }
}
