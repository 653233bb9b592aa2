//! Re-screening for entries of one phone or one email.

use std::sync::Arc;

use leadgate_domain::{Judge, OrganizationId, Suppression};
use uuid::Uuid;

use super::{
    AppliedEntry, LeadsWithValue, PAGE, PendingFilter, contact, reassess_listed, settle, shared_by_many,
};
use crate::connection::query;
use crate::error::StoreError;
use crate::rows::LeadsWithListedValue;
use crate::store::Store;
use crate::store_transaction::StoreTransaction;
use crate::suppressions::SuppressionCursor;

impl Store {
    /// Applies the pending entries of phones and emails that few leads have, like those of most opt-outs. It
    /// is fast, also if many other entries are pending.
    ///
    /// Returns whether entries remain whose value many leads have. Then call [`Store::rescreen`].
    pub async fn rescreen_contacts(
        &self,
        organization: OrganizationId,
        judge: Arc<dyn Judge>,
    ) -> Result<bool, StoreError> {
        let mut after = None;
        let mut left = false;
        loop {
            let (now, page) = self.pending(organization, after, PAGE, PendingFilter::ContactEntries).await?;
            let Some(last) = page.last() else { return Ok(left) };
            after = Some(SuppressionCursor::from_entry(&last.entry));
            self.wait_for_running_commits(organization).await?;
            let entries = page.into_iter().map(|pending| {
                let row = AppliedEntry::from_pending(&pending, now);
                (pending.entry, row)
            });
            left |= !self.rescreen_few(organization, entries.collect(), &judge).await?.is_empty();
        }
    }

    /// Applies the entries whose value few leads have, in one transaction. Returns the other entries.
    pub(super) async fn rescreen_few(
        &self,
        organization: OrganizationId,
        entries: Vec<(Suppression, AppliedEntry)>,
        judge: &Arc<dyn Judge>,
    ) -> Result<Vec<(Suppression, AppliedEntry)>, StoreError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let judge = Arc::clone(judge);
        self.write(move |session| {
            StoreTransaction::new(session).lock_shared(organization)?;
            let named: Vec<_> = entries.iter().filter_map(|(entry, _)| contact(entry)).collect();
            let crowded = shared_by_many(session, &named)?;
            let is_many =
                |named: &LeadsWithListedValue<'_>| crowded.contains(&(named.kind, named.value.to_owned()));
            let (many, few): (Vec<_>, Vec<_>) =
                entries.iter().cloned().partition(|(entry, _)| contact(entry).as_ref().is_some_and(is_many));
            let named: Vec<_> = few.iter().filter_map(|(entry, _)| contact(entry)).collect();
            reassess_listed(session, &named, judge.as_ref())?;
            settle(session, &few.into_iter().map(|(_, row)| row).collect::<Vec<_>>())?;
            Ok(many)
        })
        .await
    }

    /// Decides the leads with the value of an entry again, in pages.
    pub(super) async fn rescreen_many(
        &self,
        entry: &Suppression,
        judge: &Arc<dyn Judge>,
        looked_at: &mut impl FnMut(usize),
    ) -> Result<(), StoreError> {
        let organization = entry.key.organization;
        let Some(value) = contact(entry).and_then(|named| named.stored()) else { return Ok(()) };
        let mut page =
            LeadsWithValue { organization, value: value.into_owned(), after: Uuid::nil(), most: PAGE };
        loop {
            let asked = page.clone();
            let found = self.read(move |session| query!(session, contacts::page_with_value(&asked))).await?;
            let Some(last) = found.last() else { return Ok(()) };
            page.after = last.as_uuid();
            looked_at(found.len());
            self.reassess_some(organization, found.into_iter().collect(), Arc::clone(judge)).await?;
        }
    }
}
