//! The leads in the order in which they were last changed.

use diesel::dsl::case_when;
use diesel::prelude::*;
use leadgate_domain::{LeadId, OrganizationId};

use super::Connection;
use super::lead_pages::matches;
use super::schema::leads;
use crate::error::TransactionError;
use crate::lead_changes::LeadChange;
use crate::lead_filter::LeadFilter;
use crate::values::Id;

/// At most `most` leads of the organization after this change of this lead, the oldest change first. Those that do not
/// match the filter have no size.
///
/// A lead has the place of its last change. Changes of transactions that other readers could not see in this order
/// are not there yet.
pub(crate) fn changes_after(
    connection: &mut Connection,
    organization: OrganizationId,
    filter: &LeadFilter,
    after: (i64, LeadId),
    most: u32,
) -> Result<Vec<LeadChange>, TransactionError> {
    let changes = leads::table
        .filter(leads::organization.eq(Id::from(organization)))
        .filter(row_is!(leads::changed > (after.0, Id::from(after.1))))
        .filter(leads::changed.lt(first_incomplete_change!()))
        .order((leads::changed, leads::id))
        .limit(most.into())
        .select((leads::changed, leads::id, case_when(matches(filter)?, size_of_document!())));
    Ok(changes.load(connection)?)
}
