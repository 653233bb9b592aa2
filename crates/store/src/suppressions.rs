//! Adds and removes suppression entries, and re-screens the matching leads.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use leadgate_domain::{
    AuditAction, Judge, KeyHash, OrganizationId, Suppression, SuppressionKey, SuppressionKind, Timestamp,
};
use serde::Serialize;

use crate::audit;
use crate::connection::{StoreConnection, query};
use crate::error::{StoreError, TransactionError};
use crate::page::Page;
use crate::rescreen::{contact, reassess_listed, reassess_unlocked, shared_by_many};
use crate::rows::LeadsWithListedValue as Named;
use crate::store::Store;
use crate::store_transaction::StoreTransaction;

/// Entries per transaction: while one runs, no leads of the organization are committed.
pub(crate) const CHUNK: usize = 1_000;

/// The result of adding an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum AddOutcome {
    Added,
    /// The entry existed. Its expiry is later now.
    Extended,
    /// The entry existed with the same or a later expiry and did not change.
    AlreadyListed,
}

impl AddOutcome {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A position in the entries of an organization. Its text is opaque to clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuppressionCursor {
    pub(crate) kind: SuppressionKind,
    pub(crate) key: KeyHash,
    pub(crate) list: String,
}

impl SuppressionCursor {
    pub(crate) fn from_entry(entry: &Suppression) -> Self {
        Self { kind: entry.key.kind, key: entry.key.key, list: entry.list.clone() }
    }
}

impl fmt::Display for SuppressionCursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.kind, self.key, self.list)
    }
}

impl FromStr for SuppressionCursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, '.');
        let (kind, key, list) = (parts.next(), parts.next(), parts.next());
        let read =
            || Some(Self { kind: kind?.parse().ok()?, key: KeyHash::parse(key?)?, list: list?.to_owned() });
        read().ok_or("not a cursor")
    }
}

/// An entry as it is written.
pub(crate) struct SuppressionChange<'a> {
    pub(crate) entry: &'a Suppression,
    pub(crate) pending_since: Option<Timestamp>,
    pub(crate) ended_at: Option<Timestamp>,
}

impl<'a> SuppressionChange<'a> {
    /// Stored leads learn of it in the same transaction, or later.
    fn new(entry: &'a Suppression, at_once: bool, now: Timestamp) -> Self {
        Self {
            entry,
            pending_since: (!at_once).then_some(now),
            ended_at: (at_once && !entry.is_active_at(now)).then_some(now),
        }
    }
}

/// An entry, and what stored leads know of it.
pub(crate) struct StoredSuppression {
    pub(crate) entry: Suppression,
    pub(crate) pending_since: Option<Timestamp>,
    pub(crate) ended_at: Option<Timestamp>,
}

impl StoredSuppression {
    /// Whether it holds the leads that are judged now. Once it was marked as ended, no sweep looks for leads
    /// that it holds, so the mark counts whatever a clock says.
    fn is_active(&self, now: Timestamp) -> bool {
        let ended_when_marked = self.pending_since.is_some_and(|marked| !self.entry.is_active_at(marked));
        self.ended_at.is_none() && !ended_when_marked && self.entry.is_active_at(now)
    }
}

impl Store {
    /// Adds entries. Returns the result of each entry, in their order. The expiry of an existing entry never
    /// becomes earlier.
    ///
    /// Stored leads with a listed phone or email are decided again in the same transaction. Domains, digests
    /// and values that many leads have are applied by [`Store::rescreen`], which the caller must call
    /// afterwards. Long lists are added in chunks. After an error the first chunks may be stored: add the
    /// list again. A chunk that is already stored costs one look-up.
    pub async fn suppress(
        &self,
        organization: OrganizationId,
        entries: Vec<Suppression>,
        judge: Arc<dyn Judge>,
    ) -> Result<Vec<AddOutcome>, StoreError> {
        check(organization, entries.iter().map(|entry| &entry.key))?;
        let mut verdicts = Vec::with_capacity(entries.len());
        for chunk in entries.chunks(CHUNK) {
            if self.all_already_active(chunk).await? {
                verdicts.extend(chunk.iter().map(|_| AddOutcome::AlreadyListed));
                continue;
            }
            let (chunk, judge) = (chunk.to_vec(), Arc::clone(&judge));
            let entry = self.entry(organization, AuditAction::SuppressionAdded);
            let listed = self.write(move |session| {
                StoreTransaction::new(session).lock_exclusive(organization)?;
                let now = session.now()?;
                let listed = add(session, &chunk, judge.as_ref(), now)?;
                let changed = listed.iter().filter(|listed| **listed != AddOutcome::AlreadyListed).count();
                if changed > 0 {
                    audit::record(session, &[entry.clone().with_detail("count", changed)])?;
                }
                Ok(listed)
            });
            verdicts.extend(listed.await?);
        }
        Ok(verdicts)
    }

    /// Whether each of these entries is there and holds for as long: then nothing has to be locked.
    async fn all_already_active(&self, entries: &[Suppression]) -> Result<bool, StoreError> {
        let entries = entries.to_vec();
        self.read(move |session| {
            let there = active_entries(session, entries.iter().map(|entry| entry.key))?;
            Ok(merge(&entries, there).1.is_empty())
        })
        .await
    }

    /// Removes entries from one list or from all lists, and decides stored leads again like
    /// [`Store::suppress`]. Returns the removed entries.
    pub async fn unsuppress(
        &self,
        organization: OrganizationId,
        keys: Vec<SuppressionKey>,
        list: Option<&str>,
        judge: Arc<dyn Judge>,
    ) -> Result<Vec<Suppression>, StoreError> {
        check(organization, keys.iter())?;
        let list: Option<Arc<str>> = list.map(Arc::from);
        let mut removed = Vec::new();
        for chunk in keys.chunks(CHUNK) {
            let (chunk, judge, list) = (chunk.to_vec(), Arc::clone(&judge), list.clone());
            let entry = self.entry(organization, AuditAction::SuppressionRemoved);
            let gone = self.write(move |session| {
                StoreTransaction::new(session).lock_exclusive(organization)?;
                let now = session.now()?;
                let mut found = active_entries(session, chunk.iter().copied())?;
                let wanted = |entry: &Suppression| list.as_deref().is_none_or(|list| entry.list == list);
                found.retain(wanted);
                let end = |entry: Suppression| Suppression { expires_at: Some(now), ..entry };
                let ended: Vec<_> = found.into_iter().map(end).collect();
                apply(session, &ended, judge.as_ref(), now)?;
                if !ended.is_empty() {
                    audit::record(session, &[entry.clone().with_detail("count", ended.len())])?;
                }
                Ok(ended)
            });
            removed.extend(gone.await?);
        }
        Ok(removed)
    }

    /// All entries with these keys on all lists, including expired and removed ones.
    pub async fn suppressions_under(
        &self,
        organization: OrganizationId,
        keys: Vec<SuppressionKey>,
    ) -> Result<Vec<Suppression>, StoreError> {
        check(organization, keys.iter())?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let keys: BTreeSet<_> = keys.into_iter().collect();
        let found = self.read(move |session| query!(session, suppressions::find_entries(&keys))).await?;
        let mut found: Vec<_> = found.into_iter().map(|(stored, _)| stored.entry).collect();
        found.sort_by(|one, other| (one.key, &one.list).cmp(&(other.key, &other.list)));
        Ok(found)
    }

    /// At most `limit` active entries in the order of kind and key, starting after the given one.
    pub async fn suppressions(
        &self,
        organization: OrganizationId,
        after: Option<SuppressionCursor>,
        limit: u32,
    ) -> Result<Page<Suppression, SuppressionCursor>, StoreError> {
        let found = self.read(move |session| {
            let (now, most) = (session.now()?, limit.saturating_add(1));
            query!(session, suppressions::active_page(organization, after.as_ref(), now, most))
        });
        Ok(Page::cut(found.await?, limit, SuppressionCursor::from_entry))
    }
}

/// Refuses entries of another organization.
fn check<'a>(
    organization: OrganizationId,
    mut keys: impl Iterator<Item = &'a SuppressionKey>,
) -> Result<(), StoreError> {
    match keys.all(|key| key.organization == organization) {
        true => Ok(()),
        false => Err(StoreError::Bug("a suppression of another organization".to_owned())),
    }
}

/// Writes new and changed entries, and decides the stored leads with their values again. The caller excludes
/// all other writers from the organization.
pub(crate) fn add(
    session: &mut StoreConnection,
    entries: &[Suppression],
    judge: &dyn Judge,
    now: Timestamp,
) -> Result<Vec<AddOutcome>, TransactionError> {
    let (listed, changed) = merge(entries, active_entries(session, entries.iter().map(|entry| entry.key))?);
    apply(session, &changed, judge, now)?;
    Ok(listed)
}

/// The same, concurrently with commits of the organization: in a busy organization most batches contain an
/// opt-out, and an exclusive lock in each would serialize all commits. Returns the organizations of the
/// entries that were written.
///
/// Two things are left to [`Store::rescreen`], which waits for the commits that run now: leads that are not
/// visible yet, and leads that another transaction has locked. To wait for those here could deadlock.
pub(crate) fn opt_out(
    session: &mut StoreConnection,
    entries: &[Suppression],
    judge: &dyn Judge,
) -> Result<BTreeSet<OrganizationId>, TransactionError> {
    let (_, changed) = merge(entries, active_entries(session, entries.iter().map(|entry| entry.key))?);
    if changed.is_empty() {
        return Ok(BTreeSet::new());
    }
    let now = session.now()?;
    write(session, changed.iter().map(|entry| SuppressionChange::new(entry, false, now)))?;
    let named: Vec<_> = changed.iter().filter_map(contact).collect();
    let crowded = shared_by_many(session, &named)?;
    let is_few = |named: &&Named<'_>| !crowded.contains(&(named.kind, named.value.to_owned()));
    let few: Vec<_> = named.iter().filter(is_few).copied().collect();
    reassess_unlocked(session, &few, judge)?;
    Ok(changed.iter().map(|entry| entry.key.organization).collect())
}

/// Writes entries, and decides the stored leads with their values again.
fn apply(
    session: &mut StoreConnection,
    entries: &[Suppression],
    judge: &dyn Judge,
    now: Timestamp,
) -> Result<(), TransactionError> {
    let named: Vec<_> = entries.iter().filter_map(contact).collect();
    let crowded = shared_by_many(session, &named)?;
    let is_few = |named: &Named<'_>| !crowded.contains(&(named.kind, named.value.to_owned()));
    let is_at_once = |entry| contact(entry).as_ref().is_some_and(is_few);
    write(session, entries.iter().map(|entry| SuppressionChange::new(entry, is_at_once(entry), now)))?;
    let few: Vec<_> = named.iter().filter(|named| is_few(named)).copied().collect();
    reassess_listed(session, &few, judge)
}

/// The same for entries that only have a key, by the values that the keys are of.
pub(crate) fn apply_to(
    session: &mut StoreConnection,
    entries: &[Suppression],
    named: &[Named<'_>],
    judge: &dyn Judge,
    now: Timestamp,
) -> Result<(), TransactionError> {
    let at_once = shared_by_many(session, named)?.is_empty();
    write(session, entries.iter().map(|entry| SuppressionChange::new(entry, at_once, now)))?;
    if at_once { reassess_listed(session, named, judge) } else { Ok(()) }
}

/// What is there under these keys and has not ended.
pub(crate) fn active_entries(
    session: &mut StoreConnection,
    keys: impl Iterator<Item = SuppressionKey>,
) -> Result<Vec<Suppression>, TransactionError> {
    let keys: BTreeSet<_> = keys.collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let found = query!(session, suppressions::find_entries(&keys))?;
    let active = found.into_iter().filter(|(stored, now)| stored.is_active(*now));
    Ok(active.map(|(stored, _)| stored.entry).collect())
}

fn write<'a>(
    session: &mut StoreConnection,
    changes: impl Iterator<Item = SuppressionChange<'a>>,
) -> Result<(), TransactionError> {
    let changes: Vec<_> = changes.collect();
    if changes.is_empty() { Ok(()) } else { query!(session, suppressions::write_entries(&changes)) }
}

/// What becomes of each of the entries beside those that hold already, and what is to be written.
pub(crate) fn merge(
    entries: &[Suppression],
    holding: Vec<Suppression>,
) -> (Vec<AddOutcome>, Vec<Suppression>) {
    let place = |entry: &Suppression| (entry.key, entry.list.clone());
    let mut known: BTreeMap<_, _> = holding.into_iter().map(|entry| (place(&entry), entry)).collect();
    let mut changed = BTreeMap::new();
    let mut listed = Vec::with_capacity(entries.len());
    for entry in entries {
        let (verdict, written) = match known.get(&place(entry)) {
            None => (AddOutcome::Added, entry.clone()),
            Some(held) if expires_later(entry, held) => {
                let reason = entry.reason.clone().or_else(|| held.reason.clone());
                let longer = Suppression { expires_at: entry.expires_at, reason, ..held.clone() };
                (AddOutcome::Extended, longer)
            }
            Some(_) => {
                listed.push(AddOutcome::AlreadyListed);
                continue;
            }
        };
        listed.push(verdict);
        known.insert(place(entry), written.clone());
        changed.insert(place(entry), written);
    }
    (listed, changed.into_values().collect())
}

fn expires_later(entry: &Suppression, held: &Suppression) -> bool {
    match (entry.expires_at, held.expires_at) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(end), Some(held)) => end > held,
    }
}
