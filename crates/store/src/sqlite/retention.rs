//! Retention.

use diesel::prelude::*;
use leadgate_domain::{LeadId, SubmissionId};

use super::leads::by_organization;
pub(crate) use super::queries::retention::*;
use super::schema::{outcomes, submissions};
use crate::rows::ScopedId;
use crate::values::Id;

/// Some of the submissions that made or met these leads and are not erased, perhaps one twice; none once all are.
pub(crate) fn some_submissions_of(
    connection: &mut SqliteConnection,
    leads: &[ScopedId<LeadId>],
) -> QueryResult<Vec<SubmissionId>> {
    let mut found = Vec::new();
    for (organization, leads) in by_organization(leads) {
        let same = submissions::organization
            .eq(outcomes::organization)
            .and(submissions::id.eq(outcomes::submission));
        // Not DISTINCT and not ordered: either would read all of them first.
        let ids: Vec<Id> = outcomes::table
            .inner_join(submissions::table.on(same))
            .filter(outcomes::organization.eq(Id::from(organization)))
            .filter(outcomes::lead.eq_any(leads))
            .filter(submissions::erased_at.is_null())
            .limit(10_000)
            .select(submissions::id)
            .load(connection)?;
        found.extend(ids.into_iter().map(SubmissionId::from));
    }
    Ok(found)
}
