//! Retention.

use std::iter::repeat_n;

use diesel::prelude::*;
use diesel::sql_types::Uuid as UuidType;
use leadgate_domain::{LeadId, OrganizationId, SubmissionId};

pub(crate) use super::queries::retention::*;
use super::statement::{Column, Statement};
use crate::error::TransactionError;
use crate::values::Id;

/// Some of the submissions that made or met these leads and are not erased, perhaps one twice; none once all are.
pub(crate) fn some_submissions_of(
    connection: &mut PgConnection,
    organization: OrganizationId,
    leads: &[LeadId],
) -> Result<Vec<SubmissionId>, TransactionError> {
    // LATERAL keeps the order: a plan that begins with the submissions reads all of the organization. Not DISTINCT
    // and not ordered: either would read all of them first.
    const TEXT: &str = "
        SELECT s.id
        FROM unnest($1::uuid[], $2::uuid[]) AS r (organization, id)
        JOIN outcomes AS o ON o.organization = r.organization AND o.lead = r.id
        CROSS JOIN LATERAL (
            SELECT s.id FROM submissions AS s
            WHERE s.organization = o.organization AND s.id = o.submission AND s.erased_at IS NULL LIMIT 1) AS s
        LIMIT 10000";
    let columns = [Column::ids(repeat_n(organization, leads.len())), Column::ids(leads.iter().copied())];
    let found: Vec<Id> = Statement::<UuidType>::new(TEXT, columns).load(connection)?;
    Ok(found.into_iter().map(SubmissionId::from).collect())
}
