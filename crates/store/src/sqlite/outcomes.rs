//! Outcomes.

use std::collections::BTreeSet;

use diesel::dsl::{exists, max, not};
use diesel::prelude::*;
use leadgate_domain::{LeadId, SubmissionId};

use super::leads::by_organization;
pub(crate) use super::queries::outcomes::*;
use super::schema::{outcomes, submissions};
use crate::connection::InsertMode;
use crate::error::TransactionError;
use crate::rows::{NewOutcome, ScopedId};
use crate::values::Id;

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

/// Which submissions created or updated these leads, by their current outcomes, without those that were erased on
/// request.
pub(crate) fn read_contributors(
    connection: &mut SqliteConnection,
    leads: &BTreeSet<ScopedId<LeadId>>,
) -> QueryResult<Vec<(LeadId, SubmissionId)>> {
    let later = diesel::alias!(outcomes as later);
    let mut contributors = Vec::new();
    for (organization, ids) in by_organization(leads) {
        let is_superseded = exists(
            later
                .filter(later.field(outcomes::organization).eq(outcomes::organization))
                .filter(later.field(outcomes::submission).eq(outcomes::submission))
                .filter(later.field(outcomes::revision).gt(outcomes::revision)),
        );
        let is_erased = exists(
            submissions::table
                .filter(submissions::organization.eq(outcomes::organization))
                .filter(submissions::id.eq(outcomes::submission))
                .filter(submissions::erased_by.eq("request")),
        );
        let pairs: Vec<(Option<Id>, Id)> = outcomes::table
            .filter(outcomes::organization.eq(Id::from(organization)))
            .filter(outcomes::lead.eq_any(ids))
            .filter(outcomes::outcome.eq_any(["created", "updated"]))
            .filter(not(is_superseded))
            .filter(not(is_erased))
            .select((outcomes::lead, outcomes::submission))
            .load(connection)?;
        let read = |(lead, submission): (Option<Id>, Id)| Some((lead?.into(), submission.into()));
        contributors.extend(pairs.into_iter().filter_map(read));
    }
    Ok(contributors)
}

#[cfg(test)]
mod tests {
    use leadgate_domain::OrganizationId;
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
