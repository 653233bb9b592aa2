//! Leads, one row after the other: a prepared statement costs less than one that unpacks rows.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use leadgate_domain::{Lead, LeadId, OrganizationId};

pub(crate) use super::queries::leads::*;
use super::schema::{installation, leads};
use crate::connection::InsertMode;
use crate::error::TransactionError;
use crate::rows::{ScopedId, SerializedLead};
use crate::values::{Id, Json};

pub(crate) fn insert_leads(
    connection: &mut SqliteConnection,
    _mode: InsertMode,
    new: &[SerializedLead<'_>],
) -> Result<(), TransactionError> {
    if new.is_empty() {
        return Ok(());
    }
    let changed = leads::changed.eq(next_lead_change(connection)?);
    for lead in new {
        diesel::insert_into(leads::table).values((LeadRow::new(lead)?, changed)).execute(connection)?;
    }
    Ok(())
}

/// Changes leads that exist. Returns how many.
pub(crate) fn update_leads(
    connection: &mut SqliteConnection,
    updated: &[SerializedLead<'_>],
) -> Result<usize, TransactionError> {
    if updated.is_empty() {
        return Ok(0);
    }
    let changed = leads::changed.eq(next_lead_change(connection)?);
    let mut count = 0;
    for lead in updated {
        let row = LeadRow::new(lead)?;
        let row_of_lead = leads::table.find((row.organization, row.id));
        count += diesel::update(row_of_lead).set((row, changed)).execute(connection)?;
    }
    Ok(count)
}

/// The number of this change: larger than all before.
fn next_lead_change(connection: &mut SqliteConnection) -> QueryResult<i64> {
    diesel::update(installation::table)
        .set(installation::lead_changes.eq(installation::lead_changes + 1))
        .returning(installation::lead_changes)
        .get_result(connection)
}

/// There is one writer at a time, so nothing needs locking.
pub(crate) fn lock_leads(
    connection: &mut SqliteConnection,
    wanted: &BTreeSet<ScopedId<LeadId>>,
) -> QueryResult<Vec<Lead>> {
    read_leads(connection, wanted)
}

/// In the order of their ids.
pub(crate) fn read_leads(
    connection: &mut SqliteConnection,
    wanted: &BTreeSet<ScopedId<LeadId>>,
) -> QueryResult<Vec<Lead>> {
    let mut found = Vec::new();
    for (organization, ids) in by_organization(wanted) {
        let documents: Vec<Json<Lead>> = leads::table
            .filter(leads::organization.eq(Id::from(organization)))
            .filter(leads::id.eq_any(ids))
            .order(leads::id)
            .select(leads::document)
            .load(connection)?;
        found.extend(documents.into_iter().map(|document| document.0));
    }
    Ok(found)
}

pub(super) fn by_organization<'i, T>(
    ids: impl IntoIterator<Item = &'i ScopedId<T>>,
) -> BTreeMap<OrganizationId, Vec<Id>>
where
    T: Copy + Into<Id> + 'i,
{
    let mut groups: BTreeMap<OrganizationId, Vec<Id>> = BTreeMap::new();
    for ScopedId { organization, id } in ids {
        groups.entry(*organization).or_default().push((*id).into());
    }
    groups
}

#[cfg(test)]
mod tests {
    use leadgate_domain::SourceId;
    use uuid::Uuid;

    use super::*;
    use crate::lead_filter::LeadFilter;
    use crate::sqlite::lead_pages::page_of_leads;
    use crate::sqlite::plans::plan_of;

    #[test]
    fn leads_are_listed_in_the_order_of_an_index() {
        let (organization, source) = (OrganizationId::generate(), SourceId::generate());
        let id = LeadId::from_uuid(Uuid::max());
        let by_key = |range: &str| format!("SEARCH leads USING INDEX sqlite_autoindex_leads_1 ({range})");
        let by_source =
            |index: &str, range: &str| format!("SEARCH leads USING {index} leads_of_source ({range})");
        let page = |source| {
            let filter = LeadFilter::of_source(source);
            plan_of(|connection| page_of_leads(connection, organization, &filter, id, 10))
        };
        assert_eq!(page(None), [by_key("organization=? AND id<?")]);
        assert_eq!(
            page(Some(source)),
            [by_source("INDEX", "organization=? AND source>? AND (source,id)<(?,?)")]
        );
        let offset = |source| plan_of(|connection| leads_at_offset(connection, organization, source, 5, 10));
        assert_eq!(offset(None), [by_key("organization=?")]);
        assert_eq!(offset(Some(source)), [by_source("INDEX", "organization=? AND source=?")]);
        let count = |source| plan_of(|connection| count_leads(connection, organization, source));
        assert_eq!(count(None), ["SEARCH leads USING COVERING INDEX leads_by_change (organization=?)"]);
        assert_eq!(count(Some(source)), [by_source("COVERING INDEX", "organization=? AND source=?")]);
        let several = plan_of(|connection| read_leads_by_id(connection, organization, &[id; 200]));
        assert_eq!(several, [by_key("organization=? AND id=?")]);
    }
}
