//! Stored leads learn of suppressions that began or ended.
//!
//! Who has a phone or an email that is named is found by an index, in the transaction that writes the entry. A domain
//! may be everybody's, and a digest says nothing that an index could find: those leads are gone through page by
//! page, each page a transaction of its own, while the entry is marked as pending. It holds every new lead meanwhile.

use std::collections::BTreeSet;
use std::sync::Arc;

use leadgate_domain::{Judge, Lead, LeadId, OrganizationId, Suppression, SuppressionKey, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{Fault, StoreError};
use crate::rows::{After, Listed, One, reversed};
use crate::session::Session;
use crate::statements::Statements;
use crate::store::Store;
use crate::suppressions::{AfterEntry, SuppressionCursor};

/// Leads or entries per page.
const PAGE: u32 = 1_000;

#[derive(Serialize)]
struct SettledRow<'a> {
    #[serde(flatten)]
    key: SuppressionKey,
    list: &'a str,
    now: Timestamp,
}

/// A page of the leads at a domain.
#[derive(Serialize, Clone)]
struct AtDomain {
    organization: OrganizationId,
    /// Reversed, as all that follows.
    domain: String,
    /// What no address at the domain reaches.
    below: String,
    after: String,
    id: Uuid,
    most: u32,
}

impl AtDomain {
    /// In ASCII `.` comes before `@`, and `A` next after it.
    fn start(organization: OrganizationId, domain: &str) -> Self {
        let domain = reversed(domain);
        let (below, after) = (format!("{domain}A"), format!("{domain}."));
        Self { organization, domain, below, after, id: Uuid::nil(), most: PAGE }
    }
}

/// What of a lead a digest may be of.
#[derive(Deserialize)]
pub(crate) struct Contact {
    pub(crate) id: LeadId,
    pub(crate) phone: Option<String>,
    pub(crate) email: Option<String>,
}

impl Store {
    /// Decides stored leads anew that entries concern of which they have not learnt yet. `looked_at` is told how many
    /// more leads were looked at. Two at once do the same work, and no harm.
    pub async fn rescreen(
        &self,
        organization: OrganizationId,
        judge: Arc<dyn Judge>,
        mut looked_at: impl FnMut(usize),
    ) -> Result<(), StoreError> {
        let begun = Timestamp::now();
        let (mut after, mut any_digest) = (None, false);
        loop {
            let entries = self.pending(organization, after, begun).await?;
            after = entries.last().map(SuppressionCursor::of);
            if after.is_none() {
                break;
            }
            let (digests, plain): (Vec<_>, Vec<_>) =
                entries.into_iter().partition(|entry| !entry.form.is_plain());
            any_digest |= !digests.is_empty();
            let (contacts, domains): (Vec<_>, Vec<_>) =
                plain.into_iter().partition(Suppression::is_of_one_contact);
            self.rescreen_contacts(contacts, Arc::clone(&judge), begun).await?;
            for domain in domains {
                self.rescreen_domain(domain, &judge, begun, &mut looked_at).await?;
            }
        }
        if any_digest {
            self.rescreen_everybody(organization, &judge, &mut looked_at).await?;
            self.settle_digests(organization, begun).await?;
        }
        Ok(())
    }

    async fn pending(
        &self,
        organization: OrganizationId,
        after: Option<SuppressionCursor>,
        begun: Timestamp,
    ) -> Result<Vec<Suppression>, StoreError> {
        self.read(move |session| {
            let after = AfterEntry::new(organization, after.as_ref(), begun, PAGE);
            session.load_anew(session.sql.suppressions.pending, &[after])
        })
        .await
    }

    async fn rescreen_contacts(
        &self,
        entries: Vec<Suppression>,
        judge: Arc<dyn Judge>,
        begun: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(organization) = entries.first().map(|entry| entry.key.organization) else { return Ok(()) };
        self.write(move |session| {
            Statements::new(session).share_organization(organization)?;
            reassess_contacts(session, &entries, judge.as_ref())?;
            settle(session, &entries, begun)
        })
        .await
    }

    async fn rescreen_domain(
        &self,
        entry: Suppression,
        judge: &Arc<dyn Judge>,
        begun: Timestamp,
        looked_at: &mut impl FnMut(usize),
    ) -> Result<(), StoreError> {
        let mut at = AtDomain::start(entry.key.organization, entry.value.as_deref().unwrap_or_default());
        loop {
            let asked = at.clone();
            let found = self.read(move |session| session.load_anew(session.sql.leads.at_domain, &[asked]));
            let found: Vec<(String, LeadId)> = found.await?;
            let Some((email, id)) = found.last() else { break };
            (at.after, at.id) = (email.clone(), id.as_uuid());
            looked_at(found.len());
            let leads = found.into_iter().map(|(_, id)| id).collect();
            self.reassess_some(entry.key.organization, leads, Arc::clone(judge)).await?;
        }
        self.write(move |session| settle(session, std::slice::from_ref(&entry), begun)).await
    }

    /// Looks at each lead of an organization, for digests that may be of it.
    async fn rescreen_everybody(
        &self,
        organization: OrganizationId,
        judge: &Arc<dyn Judge>,
        looked_at: &mut impl FnMut(usize),
    ) -> Result<(), StoreError> {
        let mut id = Uuid::nil();
        loop {
            let after = After { organization, id, most: PAGE };
            let judging = Arc::clone(judge);
            let (last, count, concerned) = self
                .read(move |session| {
                    let contacts: Vec<Contact> = session.load_anew(session.sql.leads.contacts, &[after])?;
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

    async fn settle_digests(&self, organization: OrganizationId, begun: Timestamp) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let entries = self.pending(organization, after, begun).await?;
            after = entries.last().map(SuppressionCursor::of);
            if after.is_none() {
                return Ok(());
            }
            let digests: Vec<_> = entries.into_iter().filter(|entry| !entry.form.is_plain()).collect();
            self.write(move |session| settle(session, &digests, begun)).await?;
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
        let leads: BTreeSet<_> = leads.into_iter().map(|id| One { organization, id }).collect();
        self.write(move |session| {
            let mut tx = Statements::new(session);
            tx.share_organization(organization)?;
            let locked = tx.lock_leads(&leads)?;
            reassess(&mut tx, locked, judge.as_ref())
        })
        .await
    }
}

/// Decides the leads anew that have the phones and emails that entries name. Whoever calls this has excluded
/// everybody else from the organization, or the entries are no news to commits.
pub(crate) fn reassess_contacts(
    session: &mut Session,
    entries: &[Suppression],
    judge: &dyn Judge,
) -> Result<(), Fault> {
    let listed = entries.iter().filter_map(|entry| {
        let value = entry.value.as_deref().filter(|_| entry.is_of_one_contact())?;
        Some(Listed { organization: entry.key.organization, kind: entry.key.kind, value })
    });
    reassess_listed(session, &listed.collect::<Vec<_>>(), judge)
}

/// Decides the leads anew that have these values. As above.
pub(crate) fn reassess_listed(
    session: &mut Session,
    listed: &[Listed<'_>],
    judge: &dyn Judge,
) -> Result<(), Fault> {
    if listed.is_empty() {
        return Ok(());
    }
    let leads = session.load_anew(session.sql.leads.lock_listed, listed)?;
    reassess(&mut Statements::new(session), leads, judge)
}

/// Decides locked leads anew, by the lists of now.
fn reassess(tx: &mut Statements<'_>, before: Vec<Lead>, judge: &dyn Judge) -> Result<(), Fault> {
    if before.is_empty() {
        return Ok(());
    }
    let suppressions = tx.read_suppressions(&judge.watched_by(&before))?;
    let after = judge.reassess(before.clone(), &suppressions).into_iter().zip(before);
    let changed = after.filter(|((after, _), before)| after != before).map(|(after, _)| after);
    let (leads, traces): (Vec<_>, Vec<_>) = changed.unzip();
    tx.update_leads(&leads)?;
    tx.record_reassessed(&leads, &traces)
}

/// The leads whose phone or email a pending entry may name.
fn concerned(
    session: &mut Session,
    organization: OrganizationId,
    contacts: &[Contact],
    judge: &dyn Judge,
) -> Result<BTreeSet<LeadId>, Fault> {
    let keys = |contact: &Contact| {
        judge.watched_of(organization, contact.phone.as_deref(), contact.email.as_deref())
    };
    let watched: Vec<_> = contacts.iter().map(|contact| (contact.id, keys(contact))).collect();
    let asked: BTreeSet<_> = watched.iter().flat_map(|(_, keys)| keys).copied().collect();
    if asked.is_empty() {
        return Ok(BTreeSet::new());
    }
    let asked: Vec<_> = asked.into_iter().collect();
    let pending: Vec<SuppressionKey> = session.load(session.sql.suppressions.among_pending, &asked)?;
    let pending: BTreeSet<_> = pending.into_iter().collect();
    let named = watched.into_iter().filter(|(_, keys)| keys.iter().any(|key| pending.contains(key)));
    Ok(named.map(|(id, _)| id).collect())
}

fn settle(session: &mut Session, entries: &[Suppression], now: Timestamp) -> Result<(), Fault> {
    if entries.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> =
        entries.iter().map(|entry| SettledRow { key: entry.key, list: &entry.list, now }).collect();
    session.execute(session.sql.suppressions.settle, &rows).map(drop)
}
