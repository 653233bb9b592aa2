//! Forgetting a person: hold whoever comes back, find everything, erase it.
//!
//! Each step may be cut off and begun again. What an index finds is deleted last, so that the next try still finds the
//! rest by it.

mod empty;
mod find;
mod in_flight;

use std::collections::BTreeSet;
use std::sync::Arc;

use leadgate_domain::{AuditAction, Claim, Judge, LeadId, OrganizationId, Sought, SubmissionId, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use crate::audit;
use crate::error::{Fault, StoreError};
use crate::rescreen::Contact;
use crate::rows::{Listed, Of, One};
use crate::session::Session;
use crate::statements::Statements;
use crate::store::Store;
use crate::suppressions;

pub(crate) use empty::{By, empty};
pub(crate) use find::Between;
pub use find::{Finding, Whom};

/// Submissions or leads per transaction.
pub(crate) const CHUNK: usize = 200;

/// What is taken for the person's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Belongings {
    /// The values given, and those found beside them.
    pub sought: Sought,
    /// What was found beside them, but belongs to others too: left alone unless it is named itself.
    pub shared: usize,
}

/// How much of a person was erased, or would be: counts and ids, no values.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Erased {
    /// Entries that hold whoever comes back; those that were there are counted, too.
    pub suppressed: usize,
    pub submissions: usize,
    pub traces: usize,
    pub quarantined: usize,
    /// Consents that are without their person now.
    pub consents: usize,
    pub claims: usize,
    pub leads: usize,
    /// Leads of others that still have what the erased submissions said.
    pub to_rebuild: Vec<LeadId>,
    /// Submissions of others that name the person somewhere else than as their phone or email.
    pub mentioned: Vec<SubmissionId>,
    pub shared: usize,
}

impl Erased {
    pub(crate) fn add(&mut self, more: &Self) {
        self.submissions += more.submissions;
        self.traces += more.traces;
        self.quarantined += more.quarantined;
        self.consents += more.consents;
        self.claims += more.claims;
        self.leads += more.leads;
    }
}

#[derive(Serialize)]
struct Begun<'k> {
    organization: OrganizationId,
    id: Uuid,
    begun_at: Timestamp,
    keys: &'k [leadgate_domain::SuppressionKey],
}

#[derive(Serialize)]
struct Finished<'e> {
    organization: OrganizationId,
    id: Uuid,
    finished_at: Timestamp,
    report: &'e Erased,
}

impl Store {
    /// Forgets a person: holds, finds, erases. Run again, it does what is left to do.
    ///
    /// `looked_at` is told how many more submissions were looked at: all of the organization's are.
    pub async fn erase(
        &self,
        organization: OrganizationId,
        given: &Sought,
        Belongings { sought, shared }: Belongings,
        (reason, mentions): (Option<&str>, bool),
        judge: Arc<dyn Judge>,
        looked_at: impl FnMut(usize),
    ) -> Result<Erased, StoreError> {
        let (id, suppressed) = self.hold_erased(organization, &sought, reason, judge).await?;
        let whom = Whom::Person(Arc::new(sought.clone()));
        let mut finding = self.find_person(organization, whom, looked_at).await?;
        finding.count_mentions(mentions);
        let mut erased = self.erase_found(organization, &finding).await?;
        let deleted = self.delete_leads_of(organization, given, &sought).await?;
        erased.add(&deleted);
        erased.to_rebuild = self.retell_leads(organization).await?;
        erased.mentioned = finding.mentioned.into_iter().collect();
        let erased = Erased { suppressed, shared, ..erased };
        self.finish_erasure(organization, id, erased.clone()).await?;
        self.empty_log().await?;
        Ok(erased)
    }

    /// Holds whoever comes back with one of these values, by entries that are nothing but keys, and takes the values out
    /// of entries that are there. Stored leads with them are held at once. Returns what the erasure is called.
    pub async fn hold_erased(
        &self,
        organization: OrganizationId,
        sought: &Sought,
        reason: Option<&str>,
        judge: Arc<dyn Judge>,
    ) -> Result<(Uuid, usize), StoreError> {
        let (matching, now) = (self.match_key().await?, Timestamp::now());
        let entries = sought.entries(&matching, organization, reason, now);
        let (listed, sought, id) = (sought.listed(&matching, organization), sought.clone(), Uuid::now_v7());
        let entry = self.entry(organization, AuditAction::Erase).about(id);
        self.write(move |session| {
            Statements::new(session).exclude_organization(organization)?;
            let there = suppressions::holding(session, entries.iter().map(|entry| entry.key))?;
            let (_, changed) = suppressions::merge(&entries, there);
            let values = sought.values().map(|(kind, value)| Listed { organization, kind, value });
            suppressions::apply_to(session, &changed, &values.collect::<Vec<_>>(), judge.as_ref(), now)?;
            session.execute(session.sql.erasure.blank, &listed)?;
            let keys: Vec<_> = entries.iter().map(|entry| entry.key).collect();
            let begun = Begun { organization, id, begun_at: now, keys: &keys };
            session.execute(session.sql.erasure.begin, &[begun])?;
            audit::record(session, std::slice::from_ref(&entry))?;
            Ok((id, entries.len()))
        })
        .await
    }

    /// Erases submissions and entries of the quarantine, and remembers the leads that they made or changed.
    pub async fn erase_found(
        &self,
        organization: OrganizationId,
        finding: &Finding,
    ) -> Result<Erased, StoreError> {
        let submissions: Vec<_> = finding.submissions.iter().copied().collect();
        let entries: Vec<_> = finding.entries.iter().copied().collect();
        let chunks = submissions.chunks(CHUNK).map(|chunk| (chunk, [].as_slice()));
        let chunks = chunks.chain(entries.chunks(CHUNK).map(|chunk| ([].as_slice(), chunk)));
        let mut erased = Erased::default();
        for (submissions, entries) in chunks {
            let (submissions, entries) = (submissions.to_vec(), entries.to_vec());
            let more = self.write(move |session| {
                Statements::new(session).share_organization(organization)?;
                empty(session, organization, &submissions, &entries, By::Request)
            });
            erased.add(&more.await?);
        }
        Ok(erased)
    }

    /// Deletes the leads whose phone or email is one of these, those found by a given one last, and the leads of which
    /// nothing is left; with what else came for them meanwhile, and the claims of these values.
    pub async fn delete_leads_of(
        &self,
        organization: OrganizationId,
        given: &Sought,
        sought: &Sought,
    ) -> Result<Erased, StoreError> {
        let mut theirs = self.contacts(organization, sought).await?;
        let is_given = |one: &Contact| {
            one.phone.as_deref().is_some_and(|phone| given.has_phone(phone))
                || one.email.as_deref().is_some_and(|email| given.has_email(email))
        };
        theirs.sort_by_key(is_given);
        let mut leads: Vec<LeadId> = theirs.into_iter().map(|one| one.id).collect();
        leads.extend(self.rebuilding(organization, false).await?);
        let claims = sought.claims(&self.match_key().await?, organization);
        let mut erased = Erased::default();
        for chunk in leads.chunks(CHUNK) {
            erased.add(&self.delete_leads(organization, chunk.to_vec()).await?);
        }
        let sought = sought.clone();
        erased.claims += self
            .write(move |session| {
                Statements::new(session).exclude_organization(organization)?;
                // Whoever came since then keeps what they are known by.
                let there: BTreeSet<_> =
                    contacts(session, organization, &sought)?.into_iter().map(|one| one.id).collect();
                let held: Vec<Claim> = session.load(session.sql.claims.read, &claims)?;
                let left = held.into_iter().filter(|claim| !there.contains(&claim.lead));
                let left: Vec<_> = left.map(|claim| claim.key).collect();
                session.execute(session.sql.claims.release, &left)
            })
            .await?;
        Ok(erased)
    }

    /// With nobody else at work for the organization, so that nothing comes to a lead while it goes.
    async fn delete_leads(
        &self,
        organization: OrganizationId,
        leads: Vec<LeadId>,
    ) -> Result<Erased, StoreError> {
        let leads: Vec<_> = leads.into_iter().map(|id| One { organization, id }).collect();
        self.write(move |session| {
            Statements::new(session).exclude_organization(organization)?;
            let came: Vec<SubmissionId> = session.load(session.sql.erasure.submissions_of, &leads)?;
            let mut erased = empty(session, organization, &came, &[], By::Request)?;
            erased.add(&delete(session, &leads)?);
            Ok(erased)
        })
        .await
    }

    pub(crate) async fn contacts(
        &self,
        organization: OrganizationId,
        sought: &Sought,
    ) -> Result<Vec<Contact>, StoreError> {
        let sought = sought.clone();
        self.read(move |session| contacts(session, organization, &sought)).await
    }

    /// Leads that erased submissions made or changed, and that still have what these said.
    pub async fn leads_to_rebuild(&self, organization: OrganizationId) -> Result<Vec<LeadId>, StoreError> {
        self.rebuilding(organization, true).await
    }

    /// Takes out of the traces of such leads what may follow from what is erased.
    async fn retell_leads(&self, organization: OrganizationId) -> Result<Vec<LeadId>, StoreError> {
        let leads = self.leads_to_rebuild(organization).await?;
        for id in leads.iter().copied() {
            self.write(move |session| empty::retell_inferred(session, One { organization, id })).await?;
        }
        Ok(leads)
    }

    /// Of them those of which anything is left, or nothing.
    async fn rebuilding(
        &self,
        organization: OrganizationId,
        remaining: bool,
    ) -> Result<Vec<LeadId>, StoreError> {
        let of = [Of { organization }];
        let all = self.read(move |session| session.load(session.sql.erasure.rebuilding, &of));
        let all: Vec<(LeadId, bool)> = all.await?;
        Ok(all.into_iter().filter(|(_, remains)| *remains == remaining).map(|(lead, _)| lead).collect())
    }

    /// They are without it now.
    pub async fn rebuilt(&self, organization: OrganizationId, leads: &[LeadId]) -> Result<(), StoreError> {
        let leads: Vec<_> = leads.iter().map(|id| One { organization, id: *id }).collect();
        self.write(move |session| session.execute(session.sql.erasure.rebuilt, &leads).map(drop)).await
    }

    async fn finish_erasure(
        &self,
        organization: OrganizationId,
        id: Uuid,
        report: Erased,
    ) -> Result<(), StoreError> {
        self.write(move |session| {
            let finished = Finished { organization, id, finished_at: Timestamp::now(), report: &report };
            session.execute(session.sql.erasure.finish, &[finished]).map(drop)
        })
        .await
    }
}

/// Leads that have one of these values by now.
fn contacts(
    session: &mut Session,
    organization: OrganizationId,
    sought: &Sought,
) -> Result<Vec<Contact>, Fault> {
    let listed: Vec<_> = sought.values().map(|(kind, value)| Listed { organization, kind, value }).collect();
    if listed.is_empty() { Ok(Vec::new()) } else { session.load(session.sql.erasure.contacts, &listed) }
}

/// Leads with their claims and the personal part of their consents. Whoever calls this has excluded everybody else.
pub(crate) fn delete(session: &mut Session, leads: &[One<LeadId>]) -> Result<Erased, Fault> {
    if leads.is_empty() {
        return Ok(Erased::default());
    }
    let statements = &session.sql.erasure;
    let consents = session.execute(statements.forget_people_of, leads)?;
    let claims = session.execute(statements.release_claims_of, leads)?;
    let deleted = session.execute(statements.delete_leads, leads)?;
    session.execute(statements.rebuilt, leads)?;
    Ok(Erased { consents, claims, leads: deleted, ..Erased::default() })
}
