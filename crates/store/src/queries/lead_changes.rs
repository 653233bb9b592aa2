//! The leads in the order in which they were last changed.

use diesel::prelude::*;
use leadgate_domain::{LeadId, OrganizationId};

use super::Connection;
use super::schema::leads;
use crate::lead_changes::LeadChange;
use crate::values::Id;

/// At most `most` leads of the organization after this change of this lead, the oldest change first.
///
/// A lead has the place of its last change. Changes of transactions that other readers could not see in this order
/// are not there yet.
pub(crate) fn changes_after(
    connection: &mut Connection,
    organization: OrganizationId,
    after: (i64, LeadId),
    most: u32,
) -> QueryResult<Vec<LeadChange>> {
    leads::table
        .filter(leads::organization.eq(Id::from(organization)))
        .filter(row_is!(leads::changed > (after.0, Id::from(after.1))))
        .filter(leads::changed.lt(first_incomplete_change!()))
        .order((leads::changed, leads::id))
        .limit(most.into())
        .select((leads::changed, leads::id, leads::source, size_of_document!()))
        .load(connection)
}
