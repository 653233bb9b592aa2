//! The feed of changed leads: readers that poll it see the last state of every lead, and miss none.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use leadgate_domain::{Lead, LeadId, OrganizationId, SourceId};
use uuid::Uuid;

use crate::connection::{StoreConnection, query};
use crate::error::{StoreError, TransactionError};
use crate::installation::read_installation;
use crate::lead_filter::{LeadFilter, MAX_SCANNED};
use crate::page::{self, Page};
use crate::store::Store;
use crate::values::Id;

/// Leads that one transaction numbers again after a restore.
const RENUMBERED_AT_ONCE: i64 = 1_000;

/// A position in the order of changes. Its text is opaque to clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeCursor {
    /// The numbers of changes of one epoch can be compared. A restore begins another one, and so do another server and a
    /// standby that becomes the primary: it may lack the last changes.
    epoch: String,
    changed: i64,
    id: LeadId,
}

/// Where a lead is in the order of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, diesel::Queryable)]
pub(crate) struct LeadChange {
    /// The number of the last change.
    pub(crate) changed: i64,
    pub(crate) id: Id,
    /// The size of the document in bytes. `None` for a lead of another source than the selected one.
    pub(crate) size: Option<i32>,
}

impl fmt::Display for ChangeCursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { epoch, changed, id } = self;
        write!(formatter, "{epoch}.{changed}.{}", id.as_uuid().simple())
    }
}

impl FromStr for ChangeCursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('.');
        let (Some(epoch), Some(changed), Some(id), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err("not a cursor of changes");
        };
        let changed = changed.parse().ok().filter(|changed| *changed >= 0);
        let id = Uuid::try_parse(id).ok().map(LeadId::from_uuid);
        let (Some(changed), Some(id)) = (changed, id) else { return Err("not a cursor of changes") };
        Ok(Self { epoch: epoch.to_owned(), changed, id })
    }
}

impl Store {
    /// At most `limit` leads of the organization or of one of its sources that were created or changed after the
    /// cursor, in the order of their last changes, and the cursor after them. Without a cursor: from the first.
    ///
    /// `next` is always given: a reader that continues there later sees all later changes, and each lead in its last
    /// state, however transactions overlap. It may see a lead again that did not change. A page is short or empty
    /// while a transaction that changes leads is open. Deleted leads are not shown. With a cursor of another epoch,
    /// from before a restore, all leads are read again.
    pub async fn changed_leads(
        &self,
        organization: OrganizationId,
        source: Option<SourceId>,
        after: Option<ChangeCursor>,
        limit: u32,
    ) -> Result<Page<Lead, ChangeCursor>, StoreError> {
        let filter = LeadFilter::of_source(source);
        self.read(move |session| {
            let epoch = epoch(session)?;
            let start = ChangeCursor { epoch: epoch.clone(), changed: 0, id: LeadId::from_uuid(Uuid::nil()) };
            let after = after.clone().filter(|cursor| cursor.epoch == epoch).unwrap_or(start);
            let most = source.map_or(limit.saturating_add(1), |_| MAX_SCANNED);
            let position = (after.changed, after.id);
            let found = query!(session, lead_changes::changes_after(organization, &filter, position, most))?;
            let selected: Vec<LeadChange> = found.iter().copied().filter(|one| one.size.is_some()).collect();
            let sizes =
                selected.iter().map(|one| one.size.and_then(|size| size.try_into().ok()).unwrap_or(0));
            let kept = page::fitting(sizes, limit);
            let last = if kept < selected.len() { selected.get(..kept) } else { Some(found.as_slice()) };
            let next = match last.and_then(<[LeadChange]>::last) {
                Some(last) => ChangeCursor { epoch, changed: last.changed, id: last.id.into() },
                None => after,
            };
            let ids: Vec<LeadId> = selected.iter().take(kept).map(|one| one.id.into()).collect();
            let mut data = leads_in_order(session, organization, &ids)?;
            // The source may have changed since the ids were read.
            data.retain(|lead| filter.confirms(lead));
            Ok(Page { data, next: Some(next) })
        })
        .await
    }

    /// Renumbers leads whose change number is above the last transaction id of this server: they were restored from
    /// another one.
    pub(crate) async fn renumber_unreached_changes(&self) -> Result<(), StoreError> {
        for organization in self.organizations().await? {
            let renumber = move |session: &mut StoreConnection| {
                query!(session, lead_changes::renumber_unreached(organization.id, RENUMBERED_AT_ONCE))
            };
            while self.write(renumber).await? > 0 {}
        }
        Ok(())
    }
}

fn epoch(session: &mut StoreConnection) -> Result<String, TransactionError> {
    let installation = read_installation(session)?;
    let history = query!(session, lead_changes::history())?;
    Ok(format!("{}{history}", installation.epoch.simple()))
}

/// The leads with these ids that still exist.
fn leads_in_order(
    session: &mut StoreConnection,
    organization: OrganizationId,
    ids: &[LeadId],
) -> Result<Vec<Lead>, TransactionError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let leads = query!(session, leads::read_leads_by_id(organization, ids))?;
    let mut leads: BTreeMap<LeadId, Lead> = leads.into_iter().map(|lead| (lead.id, lead)).collect();
    Ok(ids.iter().filter_map(|id| leads.remove(id)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_of_changes_reads_as_it_is_written() {
        let id = LeadId::from_uuid(Uuid::now_v7());
        let cursor = ChangeCursor { epoch: "a1".to_owned(), changed: 7, id };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        let id = id.as_uuid().simple();
        for text in ["", "a1", "a1.7", &format!("a1.x.{id}"), &format!("a1.-1.{id}"), &format!("a1.7.{id}.8")]
        {
            assert!(text.parse::<ChangeCursor>().is_err(), "{text}");
        }
    }
}
