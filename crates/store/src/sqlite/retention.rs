//! Retention.

use diesel::prelude::*;
use leadgate_domain::{LeadId, OrganizationId, SubmissionId};

pub(crate) use super::queries::retention::*;
use super::schema::{outcomes, submissions};
use crate::values::Id;

/// Some of the submissions that made or met these leads and are not erased, perhaps one twice; none once all are.
pub(crate) fn some_submissions_of(
    connection: &mut SqliteConnection,
    organization: OrganizationId,
    leads: &[LeadId],
) -> QueryResult<Vec<SubmissionId>> {
    let same =
        submissions::organization.eq(outcomes::organization).and(submissions::id.eq(outcomes::submission));
    // Not DISTINCT and not ordered: either would read all of them first.
    let ids: Vec<Id> = outcomes::table
        .inner_join(submissions::table.on(same))
        .filter(outcomes::organization.eq(Id::from(organization)))
        .filter(outcomes::lead.eq_any(leads.iter().copied().map(Id::from)))
        .filter(submissions::erased_at.is_null())
        .limit(10_000)
        .select(submissions::id)
        .load(connection)?;
    Ok(ids.into_iter().map(SubmissionId::from).collect())
}
