//! Outcomes.

use diesel::dsl::max;
use diesel::prelude::*;

pub(crate) use super::queries::outcomes::*;
use super::schema::outcomes;
use crate::connection::InsertMode;
use crate::error::TransactionError;
use crate::rows::NewOutcome;

pub(crate) fn insert_first_outcomes(
    connection: &mut SqliteConnection,
    _mode: InsertMode,
    new: &[NewOutcome<'_>],
) -> Result<(), TransactionError> {
    for one in new {
        diesel::insert_into(outcomes::table).values(OutcomeRow::first(one)?).execute(connection)?;
    }
    Ok(())
}

/// Each with the next revision of its submission.
pub(crate) fn insert_further_outcomes(
    connection: &mut SqliteConnection,
    new: &[NewOutcome<'_>],
) -> Result<(), TransactionError> {
    for one in new {
        let row = OutcomeRow::first(one)?;
        let last: Option<i32> = outcomes::table
            .filter(outcomes::organization.eq(row.organization))
            .filter(outcomes::submission.eq(row.submission))
            .select(max(outcomes::revision))
            .get_result(connection)?;
        let row = OutcomeRow { revision: last.unwrap_or(0) + 1, ..row };
        diesel::insert_into(outcomes::table).values(row).execute(connection)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use leadgate_domain::{LeadId, OrganizationId, SubmissionId};
    use uuid::Uuid;

    use super::*;
    use crate::sqlite::plans::plan_of;

    #[test]
    fn outcomes_are_found_by_their_submissions_or_leads() {
        let organization = OrganizationId::generate();
        let (id, lead) = (SubmissionId::from_uuid(Uuid::nil()), LeadId::from_uuid(Uuid::nil()));
        let by_key =
            "SEARCH outcomes USING INDEX sqlite_autoindex_outcomes_1 (organization=? AND submission=?)";
        assert_eq!(plan_of(|connection| outcomes_of(connection, organization, &[id; 200])), [by_key]);
        let current = plan_of(|connection| current_outcomes(connection, organization, &[id; 200]));
        assert_eq!(current.first().map(String::as_str), Some(by_key));
        let by_lead = "SEARCH outcomes USING INDEX outcomes_by_lead (organization=? AND lead=?)";
        let of_leads = plan_of(|connection| submissions_of_leads(connection, organization, &[lead; 200]));
        assert_eq!(of_leads, [by_lead]);
        assert_eq!(plan_of(|connection| outcomes_of_lead(connection, organization, lead)), [by_lead]);
    }
}
