//! Erases a person in three steps: suppress the keys, find the data, erase it.
//!
//! Each step can be interrupted and repeated. Rows by which an index finds others are deleted last, so that a
//! repeated run still finds the rest.

mod find;
mod redact;

use std::collections::BTreeSet;
use std::sync::Arc;

use leadgate_domain::{
    AuditAction, DataSubject, Judge, LeadId, OrganizationId, Suppression, SuppressionKind,
};
use serde::Serialize;
use uuid::Uuid;

use crate::audit;
use crate::connection::{StoreConnection, query};
use crate::error::{StoreError, TransactionError};
use crate::events;
use crate::rescreen::LeadContact;
use crate::rows::LeadsWithListedValue;
use crate::store::Store;
use crate::store_transaction::StoreTransaction;
use crate::suppressions;

pub use find::SubjectRecords;
pub(crate) use redact::{ErasedTrace, ErasureCause, redact};

/// Submissions or leads per transaction.
pub(crate) const CHUNK: usize = 200;

/// The person to erase.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErasureSubject {
    /// The values in the request.
    pub given: DataSubject,
    /// The values in the request, and further values from stored leads.
    pub sought: DataSubject,
    /// The leads in the request. They are erased whatever values they have.
    pub leads: BTreeSet<LeadId>,
    /// The number of found values that other leads have too. They are not erased unless the request contains
    /// them.
    pub shared: usize,
}

impl ErasureSubject {
    /// Whether the request contains neither a value nor a stored lead.
    pub fn is_unknown(&self) -> bool {
        self.given.is_empty() && self.leads.is_empty()
    }
}

/// Counts and ids of the data that was erased or would be erased. It contains no values.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ErasureCounts {
    /// Suppression entries of the person's values, including those that existed before.
    pub suppressed: usize,
    pub submissions: usize,
    pub traces: usize,
    pub quarantined: usize,
    /// Consents whose person was deleted.
    pub consents: usize,
    pub claims: usize,
    pub leads: usize,
    /// Leads of other persons that still have values of the erased submissions.
    pub to_rebuild: Vec<LeadId>,
    pub shared: usize,
    /// SQLite: whether the write-ahead log still contains erased data, because another connection reads it.
    pub left_in_log: bool,
}

impl ErasureCounts {
    pub(crate) fn add(&mut self, more: &Self) {
        self.submissions += more.submissions;
        self.traces += more.traces;
        self.quarantined += more.quarantined;
        self.consents += more.consents;
        self.claims += more.claims;
        self.leads += more.leads;
    }
}

impl Store {
    /// Erases a person. An interrupted erasure is continued by the next call.
    ///
    /// `read` is called with the number of further submissions that were read. The caller must rebuild the
    /// leads in [`ErasureCounts::to_rebuild`] and report them to [`Store::mark_rebuilt`].
    pub async fn erase(
        &self,
        organization: OrganizationId,
        person: &ErasureSubject,
        reason: Option<&str>,
        judge: Arc<dyn Judge>,
        read: impl FnMut(usize),
    ) -> Result<ErasureCounts, StoreError> {
        let suppressed = self.suppress_subject(organization, &person.sought, reason, judge).await?;
        let finding = self.find_person(organization, person, read).await?;
        let mut erased = self.erase_records(organization, &finding).await?;
        erased.add(&self.delete_leads_of(organization, person).await?);
        erased.to_rebuild = self.redact_lead_traces(organization).await?;
        erased.left_in_log = !self.empty_log().await?;
        Ok(ErasureCounts { suppressed, shared: person.shared, ..erased })
    }

    /// Deletes a lead and erases its submissions. The person is not suppressed: a later submission creates a
    /// new lead. `None` if the lead does not exist. An interrupted call can be repeated.
    ///
    /// As after [`Store::erase`], the caller must rebuild the leads in [`ErasureCounts::to_rebuild`].
    pub async fn delete_lead(
        &self,
        organization: OrganizationId,
        id: LeadId,
    ) -> Result<Option<ErasureCounts>, StoreError> {
        if self.lead(organization, id).await?.is_none() {
            return Ok(None);
        }
        self.record(vec![self.entry(organization, AuditAction::LeadDeleted).with_target(id)]).await?;
        let leads = BTreeSet::from([id]);
        let submissions = self.submissions_of(organization, &leads).await?;
        let finding = SubjectRecords { submissions, ..SubjectRecords::default() };
        let mut erased = self.erase_records(organization, &finding).await?;
        let person = ErasureSubject { leads, ..ErasureSubject::default() };
        erased.add(&self.delete_leads_of(organization, &person).await?);
        erased.to_rebuild = self.redact_lead_traces(organization).await?;
        erased.left_in_log = !self.empty_log().await?;
        Ok(Some(erased))
    }

    /// Suppresses these values with entries that contain only keys, and removes the values from existing
    /// entries. Stored leads with these values are held at once. Returns the number of entries.
    ///
    /// The time of an entry is the time of the last erasure. Commits erase submissions that were received
    /// before it.
    pub async fn suppress_subject(
        &self,
        organization: OrganizationId,
        sought: &DataSubject,
        reason: Option<&str>,
        judge: Arc<dyn Judge>,
    ) -> Result<usize, StoreError> {
        let (matching, reason) = (self.match_key().await?, reason.map(str::to_owned));
        let (listed, sought) = (sought.suppression_keys(&matching, organization), sought.clone());
        let entry = self.entry(organization, AuditAction::Erase).with_target(Uuid::now_v7());
        self.write(move |session| {
            StoreTransaction::new(session).lock_exclusive(organization)?;
            let now = session.now()?;
            let entries = sought.suppression_entries(&matching, organization, reason.as_deref(), now);
            let before = suppressions::active_entries(session, entries.iter().map(|entry| entry.key))?;
            let with_reason = |entry: &Suppression| {
                let same = before.iter().find(|one| (one.key, &one.list) == (entry.key, &entry.list));
                let reason = entry.reason.clone().or_else(|| same?.reason.clone());
                Suppression { reason, ..entry.clone() }
            };
            let entries: Vec<_> = entries.iter().map(with_reason).collect();
            let values =
                sought.values().map(|(kind, value)| LeadsWithListedValue { organization, kind, value });
            suppressions::apply_to(session, &entries, &values.collect::<Vec<_>>(), judge.as_ref(), now)?;
            if !listed.is_empty() {
                query!(session, erasure::blank_suppressions(organization, &listed))?;
            }
            audit::record(session, std::slice::from_ref(&entry))?;
            Ok(entries.len())
        })
        .await
    }

    /// Erases submissions and quarantine entries, and marks the leads to which they contributed for a
    /// rebuild.
    pub async fn erase_records(
        &self,
        organization: OrganizationId,
        finding: &SubjectRecords,
    ) -> Result<ErasureCounts, StoreError> {
        let submissions: Vec<_> = finding.submissions.iter().copied().collect();
        let entries: Vec<_> = finding.entries.iter().copied().collect();
        let chunks = submissions.chunks(CHUNK).map(|chunk| (chunk, [].as_slice()));
        let chunks = chunks.chain(entries.chunks(CHUNK).map(|chunk| ([].as_slice(), chunk)));
        let mut erased = ErasureCounts::default();
        for (submissions, entries) in chunks {
            let (submissions, entries) = (submissions.to_vec(), entries.to_vec());
            let more = self.write(move |session| {
                StoreTransaction::new(session).lock_shared(organization)?;
                redact(session, organization, &submissions, &entries, ErasureCause::Request)
            });
            erased.add(&more.await?);
        }
        Ok(erased)
    }

    /// Deletes the person's leads and the leads without a remaining contributor, with their new submissions
    /// and with the claims of the person's values. Leads that the request's values find are deleted last.
    pub async fn delete_leads_of(
        &self,
        organization: OrganizationId,
        person: &ErasureSubject,
    ) -> Result<ErasureCounts, StoreError> {
        let ErasureSubject { given, sought, leads: named, .. } = person;
        let mut theirs = self.contacts(organization, sought).await?;
        theirs.retain(|one| !named.contains(&one.id));
        let is_given = |one: &LeadContact| {
            one.phone.as_deref().is_some_and(|phone| given.has_phone(phone))
                || one.email.as_deref().is_some_and(|email| given.has_email(email))
        };
        theirs.sort_by_key(is_given);
        let empty =
            self.leads_to_rebuild_state(organization).await?.into_iter().filter(|(_, remains)| !remains);
        let mut leads: Vec<LeadId> = empty.map(|(lead, _)| lead).collect();
        leads.extend(theirs.into_iter().map(|one| one.id).chain(named.iter().copied()));
        let claims = sought.claim_keys(&self.match_key().await?, organization);
        let mut erased = ErasureCounts::default();
        for chunk in leads.chunks(CHUNK) {
            erased.add(&self.delete_leads(organization, chunk.to_vec()).await?);
        }
        if claims.is_empty() {
            return Ok(erased);
        }
        let sought = sought.clone();
        erased.claims += self
            .write(move |session| {
                StoreTransaction::new(session).lock_exclusive(organization)?;
                // Leads created meanwhile keep their claims.
                let there = contacts(session, organization, &sought)?;
                let there: BTreeSet<_> = there.into_iter().map(|one| one.id).collect();
                let held = query!(session, claims::read_claims(claims.iter()))?;
                let left = held.into_iter().filter(|claim| !there.contains(&claim.lead));
                let left: Vec<_> = left.map(|claim| claim.key).collect();
                if left.is_empty() { Ok(0) } else { query!(session, claims::delete_claims(&left)) }
            })
            .await?;
        Ok(erased)
    }

    /// Excludes all other writers of the organization, so that no submission is added to a lead while it is
    /// deleted.
    async fn delete_leads(
        &self,
        organization: OrganizationId,
        leads: Vec<LeadId>,
    ) -> Result<ErasureCounts, StoreError> {
        self.write(move |session| {
            StoreTransaction::new(session).lock_exclusive(organization)?;
            let came = query!(session, outcomes::submissions_of_leads(organization, &leads))?;
            let mut erased = ErasureCounts::default();
            for chunk in came.into_iter().collect::<Vec<_>>().chunks(CHUNK) {
                erased.add(&redact(session, organization, chunk, &[], ErasureCause::Request)?);
            }
            erased.add(&delete(session, organization, &leads)?);
            Ok(erased)
        })
        .await
    }

    pub(crate) async fn contacts(
        &self,
        organization: OrganizationId,
        sought: &DataSubject,
    ) -> Result<Vec<LeadContact>, StoreError> {
        let sought = sought.clone();
        self.read(move |session| contacts(session, organization, &sought)).await
    }

    /// Leads that have erased contributors and are not rebuilt yet.
    pub async fn leads_to_rebuild(&self, organization: OrganizationId) -> Result<Vec<LeadId>, StoreError> {
        let all = self.leads_to_rebuild_state(organization).await?;
        Ok(all.into_iter().filter(|(_, remains)| *remains).map(|(lead, _)| lead).collect())
    }

    /// Takes out of the traces of such leads what may follow from what is erased.
    async fn redact_lead_traces(&self, organization: OrganizationId) -> Result<Vec<LeadId>, StoreError> {
        let leads = self.leads_to_rebuild(organization).await?;
        for id in leads.iter().copied() {
            self.write(move |session| {
                // Without the lock, the traces that are written back could undo a redaction that comes between.
                StoreTransaction::new(session).lock_exclusive(organization)?;
                redact::remove_inferred(session, organization, id)
            })
            .await?;
        }
        Ok(leads)
    }

    /// Leads that erased submissions made or changed, each with whether any other submission is left of it.
    async fn leads_to_rebuild_state(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<(LeadId, bool)>, StoreError> {
        self.read(move |session| query!(session, erasure::leads_to_rebuild(organization))).await
    }

    /// Marks leads as rebuilt: they no longer contain erased values.
    pub async fn mark_rebuilt(
        &self,
        organization: OrganizationId,
        leads: &[LeadId],
    ) -> Result<(), StoreError> {
        let leads = leads.to_vec();
        self.write(move |session| {
            query!(session, erasure::delete_leads_to_rebuild(organization, &leads)).map(drop)
        })
        .await
    }
}

/// Leads that have one of these values by now.
fn contacts(
    session: &mut StoreConnection,
    organization: OrganizationId,
    sought: &DataSubject,
) -> Result<Vec<LeadContact>, TransactionError> {
    let of = |kind| sought.values().filter(move |(one, _)| *one == kind).map(|(_, value)| value);
    let phones: Vec<&str> = of(SuppressionKind::Phone).collect();
    let emails: Vec<&str> = of(SuppressionKind::Email).collect();
    if phones.is_empty() && emails.is_empty() {
        return Ok(Vec::new());
    }
    query!(session, contacts::find_contacts(organization, &phones, &emails))
}

/// Deletes leads with their claims and the personal part of their consents. The caller must have excluded all other
/// writers.
pub(crate) fn delete(
    session: &mut StoreConnection,
    organization: OrganizationId,
    leads: &[LeadId],
) -> Result<ErasureCounts, TransactionError> {
    let mut erased = ErasureCounts::default();
    if leads.is_empty() {
        return Ok(erased);
    }
    let evidence = query!(session, consents::submissions_with_evidence(organization, leads))?;
    for chunk in evidence.chunks(CHUNK) {
        erased.consents += query!(session, consents::forget_people(organization, chunk))?;
    }
    events::lead_deletion(session, organization, leads)?;
    erased.claims = query!(session, claims::delete_claims_of_leads(organization, leads))?;
    erased.leads = query!(session, erasure::delete_leads(organization, leads))?;
    query!(session, erasure::delete_leads_to_rebuild(organization, leads))?;
    Ok(erased)
}
