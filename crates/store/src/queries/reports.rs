//! Counts of the last leads.

use diesel::prelude::*;
use leadgate_domain::{OrganizationId, SourceId};

use super::Connection;
use super::schema::leads;
use crate::values::{Id, Json};

/// The reasons of the last leads of a source.
pub(crate) fn reasons_of_last_leads(
    connection: &mut Connection,
    organization: OrganizationId,
    source: SourceId,
    most: u32,
) -> QueryResult<Vec<Vec<String>>> {
    let source = Id::from(source);
    let reasons: Vec<Json<Vec<String>>> = leads::table
        .filter(leads::organization.eq(Id::from(organization)))
        .filter(exactly!(leads::source, source))
        .order((leads::source.desc(), leads::id.desc()))
        .limit(most.into())
        .select(leads::reasons)
        .load(connection)?;
    Ok(reasons.into_iter().map(|reasons| reasons.0).collect())
}
