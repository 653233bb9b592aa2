//! Re-screens stored leads after suppression entries were added, were removed or expired.
//!
//! Leads with a listed phone or email are found by an index, in the transaction that writes the entry. An
//! index does not help for a domain with many leads, a phone that many leads have, a digest or an entry
//! without a value. For these, leads are read in pages, each in a separate transaction, while the entry is
//! marked as pending. Meanwhile the entry holds all new leads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use leadgate_domain::{
    Judge, KeyHash, Lead, LeadId, OrganizationId, Suppression, SuppressionKey, SuppressionKind, Timestamp,
};
use uuid::Uuid;

use crate::connection::{StoreConnection, query};
use crate::error::{StoreError, TransactionError};
use crate::locks::{AdvisoryLock, LockMode};
use crate::rows::{LeadsWithListedValue, ScopedId, StoredContact};
use crate::store::Store;
use crate::store_transaction::StoreTransaction;
use crate::suppressions::{StoredSuppression, SuppressionCursor};
use crate::values::reversed;

mod contacts;

/// Leads or entries per page.
const PAGE: u32 = 1_000;

/// Digests and bare keys that one look at every lead is for.
const UNKNOWN_AT_ONCE: usize = 100_000;

/// Pauses between two looks at which commits still run.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const MAX_PAUSE: Duration = Duration::from_millis(50);

/// Entries per transaction.
const SETTLED_AT_ONCE: usize = 1_000;

/// An entry of which stored leads have yet to learn.
struct PendingEntry {
    entry: Suppression,
    pending_since: Timestamp,
}

/// An entry as it was read. An entry that was changed since then stays pending.
#[derive(Clone)]
pub(crate) struct AppliedEntry {
    pub(crate) key: SuppressionKey,
    pub(crate) list: String,
    pub(crate) pending_since: Timestamp,
    /// Before any lead was looked at.
    pub(crate) read_at: Timestamp,
}

impl AppliedEntry {
    fn from_pending(pending: &PendingEntry, read_at: Timestamp) -> Self {
        let PendingEntry { entry, pending_since } = pending;
        Self { key: entry.key, list: entry.list.clone(), pending_since: *pending_since, read_at }
    }
}

/// Which pending entries are read.
#[derive(Clone, Copy)]
pub(crate) enum PendingFilter {
    All,
    /// Those that name one phone or one email.
    ContactEntries,
}

/// A page of the leads at a domain.
#[derive(Clone)]
pub(crate) struct LeadsAtDomain {
    pub(crate) organization: OrganizationId,
    /// The place in a reversed address of what stands before the domain.
    pub(crate) separator: i32,
    /// What no reversed address at the domain reaches.
    pub(crate) below: String,
    /// The reversed address of the last lead of the page before.
    pub(crate) after: String,
    pub(crate) id: Uuid,
    pub(crate) most: u32,
}

impl LeadsAtDomain {
    /// In ASCII `.` comes before `@`, and `A` next after it.
    pub(crate) fn start(organization: OrganizationId, domain: &str) -> Self {
        let domain = reversed(domain);
        let separator = i32::try_from(domain.chars().count()).unwrap_or(i32::MAX).saturating_add(1);
        let (below, after) = (format!("{domain}A"), format!("{domain}."));
        Self { organization, separator, below, after, id: Uuid::nil(), most: PAGE }
    }
}

/// A page of the leads with a phone or an email.
#[derive(Clone)]
pub(crate) struct LeadsWithValue {
    pub(crate) organization: OrganizationId,
    pub(crate) value: StoredContact<'static>,
    pub(crate) after: Uuid,
    pub(crate) most: u32,
}

/// What of a lead a digest may be of.
pub(crate) struct LeadContact {
    pub(crate) id: LeadId,
    pub(crate) phone: Option<String>,
    pub(crate) email: Option<String>,
}

impl Store {
    /// Whether the organization has entries that are not applied to all stored leads.
    pub async fn has_pending(&self, organization: OrganizationId) -> Result<bool, StoreError> {
        let (_, page) = self.pending(organization, None, 1, PendingFilter::All).await?;
        Ok(!page.is_empty())
    }

    /// Applies pending entries to stored leads. `looked_at` is called with the number of further leads that
    /// were read. Two concurrent calls do the same work without harm.
    ///
    /// Entries of one phone or email come first, because they are fast and a pass over all leads may take
    /// minutes.
    pub async fn rescreen(
        &self,
        organization: OrganizationId,
        judge: Arc<dyn Judge>,
        mut looked_at: impl FnMut(usize),
    ) -> Result<(), StoreError> {
        self.rescreen_contacts(organization, Arc::clone(&judge)).await?;
        let mut after = None;
        let mut unknown = Vec::new();
        loop {
            let (now, page) = self.pending(organization, after, PAGE, PendingFilter::All).await?;
            if !page.is_empty() {
                self.wait_for_running_commits(organization).await?;
            }
            after = page.last().map(|last| SuppressionCursor::from_entry(&last.entry));
            let mut contacts = Vec::new();
            for pending in page {
                let row = AppliedEntry::from_pending(&pending, now);
                if contact(&pending.entry).is_some() {
                    contacts.push((pending.entry, row));
                } else if pending.entry.form.is_plain() && pending.entry.value.is_some() {
                    self.rescreen_domain(&pending.entry, &judge, &mut looked_at).await?;
                    self.mark_applied(vec![row]).await?;
                } else {
                    unknown.push(row);
                }
            }
            for (entry, row) in self.rescreen_few(organization, contacts, &judge).await? {
                self.rescreen_many(&entry, &judge, &mut looked_at).await?;
                self.mark_applied(vec![row]).await?;
            }
            // Whatever is settled by this was read before the first lead was looked at.
            if !unknown.is_empty() && (after.is_none() || unknown.len() >= UNKNOWN_AT_ONCE) {
                self.rescreen_all_leads(organization, &judge, &mut looked_at).await?;
                for rows in std::mem::take(&mut unknown).chunks(SETTLED_AT_ONCE) {
                    self.mark_applied(rows.to_vec()).await?;
                }
            }
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn pending(
        &self,
        organization: OrganizationId,
        after: Option<SuppressionCursor>,
        most: u32,
        filter: PendingFilter,
    ) -> Result<(Timestamp, Vec<PendingEntry>), StoreError> {
        self.read(move |session| {
            let now = session.now()?;
            let after = after.as_ref();
            let found = query!(session, suppressions::pending_page(organization, after, filter, most))?;
            let pending = |stored: StoredSuppression| {
                Some(PendingEntry { pending_since: stored.pending_since?, entry: stored.entry })
            };
            Ok((now, found.into_iter().filter_map(pending).collect()))
        })
        .await
    }

    /// Waits for the commits of the organization that run now: they may have looked at the lists before the
    /// entries that are pending now were written. Commits that begin later see the entries, and are not kept
    /// waiting.
    ///
    /// To lock the organization alone would be a wait without polling, but would stop all its commits.
    async fn wait_for_running_commits(&self, organization: OrganizationId) -> Result<(), StoreError> {
        let locks = AdvisoryLock::for_organizations([(organization, LockMode::Shared)]);
        let Some(lock) = locks.first().copied() else { return Ok(()) };
        let running = move |session: &mut StoreConnection| query!(session, locks::shared_lock_holders(&lock));
        let mut earlier: BTreeSet<String> = self.read(running).await?;
        let mut pause = FIRST_PAUSE;
        while !earlier.is_empty() {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(MAX_PAUSE);
            earlier = &earlier & &self.read(running).await?;
        }
        Ok(())
    }

    async fn mark_applied(&self, rows: Vec<AppliedEntry>) -> Result<(), StoreError> {
        self.write(move |session| settle(session, &rows)).await
    }

    async fn rescreen_domain(
        &self,
        entry: &Suppression,
        judge: &Arc<dyn Judge>,
        looked_at: &mut impl FnMut(usize),
    ) -> Result<(), StoreError> {
        let mut at = LeadsAtDomain::start(entry.key.organization, entry.value.as_deref().unwrap_or_default());
        loop {
            let asked = at.clone();
            let found = self.read(move |session| query!(session, contacts::page_at_domain(&asked))).await?;
            let Some((email, id)) = found.last() else { return Ok(()) };
            (at.after, at.id) = (email.clone(), id.as_uuid());
            looked_at(found.len());
            let leads = found.into_iter().map(|(_, id)| id).collect();
            self.reassess_some(entry.key.organization, leads, Arc::clone(judge)).await?;
        }
    }

    /// Looks at each lead of an organization, for digests that may be of it.
    async fn rescreen_all_leads(
        &self,
        organization: OrganizationId,
        judge: &Arc<dyn Judge>,
        looked_at: &mut impl FnMut(usize),
    ) -> Result<(), StoreError> {
        let mut id = Uuid::nil();
        loop {
            let judging = Arc::clone(judge);
            let (last, count, concerned) = self
                .read(move |session| {
                    let contacts = query!(session, contacts::page_of_contacts(organization, id, PAGE))?;
                    let last = contacts.last().map(|contact| contact.id.as_uuid());
                    let concerned = concerned(session, organization, &contacts, judging.as_ref())?;
                    Ok((last, contacts.len(), concerned))
                })
                .await?;
            let Some(last) = last else { return Ok(()) };
            id = last;
            looked_at(count);
            self.reassess_some(organization, concerned, Arc::clone(judge)).await?;
        }
    }

    async fn reassess_some(
        &self,
        organization: OrganizationId,
        leads: BTreeSet<LeadId>,
        judge: Arc<dyn Judge>,
    ) -> Result<(), StoreError> {
        if leads.is_empty() {
            return Ok(());
        }
        let leads: BTreeSet<_> = leads.into_iter().map(|id| ScopedId { organization, id }).collect();
        self.write(move |session| {
            let mut tx = StoreTransaction::new(session);
            tx.lock_shared(organization)?;
            let locked = tx.lock_leads(&leads)?;
            reassess(&mut tx, locked, judge.as_ref())
        })
        .await
    }
}

/// The phone or the email that an entry names.
pub(crate) fn contact(entry: &Suppression) -> Option<LeadsWithListedValue<'_>> {
    let value = entry.value.as_deref().filter(|_| entry.names_single_contact())?;
    Some(LeadsWithListedValue { organization: entry.key.organization, kind: entry.key.kind, value })
}

/// Those values that very many leads have: too many for one transaction.
pub(crate) fn shared_by_many(
    session: &mut StoreConnection,
    named: &[LeadsWithListedValue<'_>],
) -> Result<BTreeSet<(SuppressionKind, String)>, TransactionError> {
    if named.is_empty() {
        return Ok(BTreeSet::new());
    }
    let crowded = query!(session, contacts::crowded(named))?;
    let values = crowded.into_iter().filter_map(|place| named.get(place));
    Ok(values.map(|named| (named.kind, named.value.to_owned())).collect())
}

/// Decides the leads with these values again, except leads that another transaction has locked.
pub(crate) fn reassess_unlocked(
    session: &mut StoreConnection,
    listed: &[LeadsWithListedValue<'_>],
    judge: &dyn Judge,
) -> Result<(), TransactionError> {
    if listed.is_empty() {
        return Ok(());
    }
    let leads = query!(session, contacts::lock_listed_free(listed))?;
    reassess(&mut StoreTransaction::new(session), leads, judge)
}

/// Decides the leads with these values again. The caller has locked the organization exclusively, or commits
/// already know the entries.
pub(crate) fn reassess_listed(
    session: &mut StoreConnection,
    listed: &[LeadsWithListedValue<'_>],
    judge: &dyn Judge,
) -> Result<(), TransactionError> {
    if listed.is_empty() {
        return Ok(());
    }
    let leads = query!(session, contacts::lock_listed(listed))?;
    reassess(&mut StoreTransaction::new(session), leads, judge)
}

/// Decides locked leads again, with the current lists.
fn reassess(
    tx: &mut StoreTransaction<'_>,
    before: Vec<Lead>,
    judge: &dyn Judge,
) -> Result<(), TransactionError> {
    if before.is_empty() {
        return Ok(());
    }
    let suppressions = tx.read_suppressions(&judge.suppression_keys_of_leads(&before))?;
    let after = judge.reassess(before.clone(), &suppressions).into_iter().zip(&before);
    let changed = after.filter(|((after, _), before)| after != *before).map(|(after, _)| after);
    let (leads, traces): (Vec<_>, Vec<_>) = changed.unzip();
    tx.change_leads(&before, &leads)?;
    tx.record_reassessed(&leads, &traces)
}

/// The leads whose phone or email a pending entry may name.
fn concerned(
    session: &mut StoreConnection,
    organization: OrganizationId,
    contacts: &[LeadContact],
    judge: &dyn Judge,
) -> Result<BTreeSet<LeadId>, TransactionError> {
    let keys = |contact: &LeadContact| {
        judge.suppression_keys_of_contact(organization, contact.phone.as_deref(), contact.email.as_deref())
    };
    let watched: Vec<_> = contacts.iter().map(|contact| (contact.id, keys(contact))).collect();
    let mut asked: BTreeMap<SuppressionKind, BTreeSet<KeyHash>> = BTreeMap::new();
    for key in watched.iter().flat_map(|(_, keys)| keys) {
        asked.entry(key.kind).or_default().insert(key.key);
    }
    let mut pending = BTreeSet::new();
    for (kind, keys) in asked {
        let keys = keys.into_iter().collect();
        let found = query!(session, suppressions::pending_keys(organization, kind, keys))?;
        pending.extend(found.into_iter().map(|key| SuppressionKey { organization, kind, key }));
    }
    let named = watched.into_iter().filter(|(_, keys)| keys.iter().any(|key| pending.contains(key)));
    Ok(named.map(|(id, _)| id).collect())
}

fn settle(session: &mut StoreConnection, applied: &[AppliedEntry]) -> Result<(), TransactionError> {
    if applied.is_empty() { Ok(()) } else { query!(session, suppressions::settle_entries(applied)) }
}
