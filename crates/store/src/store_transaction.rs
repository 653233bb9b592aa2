//! The steps of a commit. Each step is one statement and converts domain values to rows and back.

use std::collections::{BTreeMap, BTreeSet};

use leadgate_domain::{
    Claim, ClaimKey, ConsentEvidence, Judge, Lead, LeadId, ListEntry, NormalizedSubmission, OrganizationId,
    Outcome, QuarantineReason, ResolvedSubmission, Submission, SubmissionId, Suppression, SuppressionKey,
    SuppressionMatches, Timestamp, Trace,
};
use uuid::Uuid;

use crate::commit::{SubmissionKey, key_of, valid_release};
use crate::connection::{StoreConnection, query};
use crate::erasure::{self, ErasureCause};
use crate::error::{StoreError, TransactionError};
use crate::locks::{AdvisoryLock, LockMode};
use crate::rebuild::Contributors;
use crate::rows::{NewOutcome, NewQuarantineEntry, ScopedId, SerializedLead, SubmissionToStore};
use crate::submissions::wrap_submission;
use crate::suppressions;

/// The statements of one transaction. A step without rows is skipped.
pub(crate) struct StoreTransaction<'s> {
    pub(crate) session: &'s mut StoreConnection,
    pub(crate) now: Timestamp,
}

impl<'s> StoreTransaction<'s> {
    pub(crate) fn new(session: &'s mut StoreConnection) -> Self {
        Self { session, now: Timestamp::now() }
    }

    /// Until the transaction ends.
    pub(crate) fn lock_organizations(
        &mut self,
        organizations: impl IntoIterator<Item = (OrganizationId, LockMode)>,
    ) -> Result<(), TransactionError> {
        query!(self.session, locks::lock_organizations(&AdvisoryLock::for_organizations(organizations)))
    }

    /// Holds changes of the organization's suppression lists off until the transaction ends.
    pub(crate) fn lock_shared(&mut self, organization: OrganizationId) -> Result<(), TransactionError> {
        self.lock_organizations([(organization, LockMode::Shared)])
    }

    /// Excludes all other writers of leads of this organization until the transaction ends.
    pub(crate) fn lock_exclusive(&mut self, organization: OrganizationId) -> Result<(), TransactionError> {
        self.lock_organizations([(organization, LockMode::Exclusive)])
    }

    /// Adds opt-outs to the suppression list and decides the matching stored leads again. The caller excludes
    /// all other writers from the organizations.
    pub(crate) fn opt_out_alone(
        &mut self,
        entries: &[Suppression],
        judge: &dyn Judge,
    ) -> Result<(), TransactionError> {
        if entries.is_empty() {
            return Ok(());
        }
        let now = self.session.now()?;
        suppressions::add(self.session, entries, judge, now).map(drop)
    }

    /// The same beside other writers. Returns the organizations that have to be rescreened.
    pub(crate) fn opt_out(
        &mut self,
        entries: &[Suppression],
        judge: &dyn Judge,
    ) -> Result<BTreeSet<OrganizationId>, TransactionError> {
        if entries.is_empty() {
            Ok(BTreeSet::new())
        } else {
            suppressions::opt_out(self.session, entries, judge)
        }
    }

    /// The keys of those that were not there. `submissions` in the order of their keys.
    pub(crate) fn insert_submissions<'a>(
        &mut self,
        submissions: impl Iterator<Item = &'a Submission>,
    ) -> Result<BTreeSet<SubmissionKey>, TransactionError> {
        let new: Vec<_> =
            submissions.map(|submission| SubmissionToStore { submission, wrapped: None }).collect();
        self.insert_new_submissions(&new)
    }

    pub(crate) fn insert_new_submissions(
        &mut self,
        new: &[SubmissionToStore<'_>],
    ) -> Result<BTreeSet<SubmissionKey>, TransactionError> {
        if new.is_empty() {
            return Ok(BTreeSet::new());
        }
        Ok(query!(self.session, submissions::insert_submissions(new))?.into_iter().collect())
    }

    /// Releases what is open in the quarantine and was not released by the same release before. The keys of
    /// those; true for one that came under the id of another, whose submission has no row unless it was
    /// released before.
    pub(crate) fn release<'a>(
        &mut self,
        submissions: impl Iterator<Item = &'a Submission>,
    ) -> Result<BTreeMap<SubmissionKey, bool>, TransactionError> {
        let releases: Vec<_> = submissions
            .filter_map(|submission| Some((key_of(submission), valid_release(submission)?.released_at)))
            .collect();
        if releases.is_empty() {
            return Ok(BTreeMap::new());
        }
        Ok(query!(self.session, quarantine::release_entries(&releases))?.into_iter().collect())
    }

    /// Of submissions whose ids are taken, keeps those aside whose bodies are not the ones stored. Returns
    /// those.
    pub(crate) fn quarantine_reused<'n>(
        &mut self,
        taken: &[&'n NormalizedSubmission],
    ) -> Result<Vec<&'n NormalizedSubmission>, TransactionError> {
        if taken.is_empty() {
            return Ok(Vec::new());
        }
        let by_entry: BTreeMap<_, _> = taken.iter().map(|one| (Uuid::now_v7(), *one)).collect();
        let entries = by_entry.iter().map(|(id, NormalizedSubmission { submission, .. })| {
            let entry = self.quarantine_entry(submission, QuarantineReason::IdReused);
            Ok(NewQuarantineEntry { id: *id, document: Some(wrap_submission(submission)?), ..entry })
        });
        let entries = entries.collect::<Result<Vec<_>, TransactionError>>()?;
        let inserted = query!(self.session, quarantine::insert_reused(&entries))?;
        let reused: Vec<_> = inserted.iter().filter_map(|id| by_entry.get(id).copied()).collect();
        let reason = QuarantineReason::IdReused;
        self.announce_quarantined(reused.iter().map(|one| (&one.submission, reason)))?;
        Ok(reused)
    }

    /// Takes the free keys and locks the others. Returns whether all of them were free. `claims` must be sorted
    /// by key, which prevents deadlocks.
    pub(crate) fn lock_claims(&mut self, claims: &[Claim]) -> Result<bool, TransactionError> {
        if claims.is_empty() {
            return Ok(true);
        }
        Ok(query!(self.session, claims::lock_claims(claims))? == claims.len())
    }

    pub(crate) fn read_claims(
        &mut self,
        claims: &[Claim],
    ) -> Result<BTreeMap<ClaimKey, Claim>, TransactionError> {
        if claims.is_empty() {
            return Ok(BTreeMap::new());
        }
        let keys = claims.iter().map(|claim| &claim.key);
        let held = query!(self.session, claims::read_claims(keys.clone()))?;
        Ok(held.into_iter().map(|claim| (claim.key, claim)).collect())
    }

    pub(crate) fn lock_leads(
        &mut self,
        leads: &BTreeSet<ScopedId<LeadId>>,
    ) -> Result<Vec<Lead>, TransactionError> {
        if leads.is_empty() { Ok(Vec::new()) } else { query!(self.session, leads::lock_leads(leads)) }
    }

    /// Without a lock, for callers that change nothing.
    pub(crate) fn read_leads(
        &mut self,
        leads: &BTreeSet<ScopedId<LeadId>>,
    ) -> Result<Vec<Lead>, TransactionError> {
        if leads.is_empty() { Ok(Vec::new()) } else { query!(self.session, leads::read_leads(leads)) }
    }

    pub(crate) fn read_suppressions(
        &mut self,
        watched: &BTreeSet<SuppressionKey>,
    ) -> Result<SuppressionMatches, TransactionError> {
        if watched.is_empty() {
            return Ok(SuppressionMatches::new());
        }
        let mut lists = SuppressionMatches::new();
        for entry in suppressions::active_entries(self.session, watched.iter().copied())? {
            let Suppression { key, list, added_at, expires_at, form, .. } = entry;
            lists.entry(key).or_default().push(ListEntry { list, added_at, expires_at, form });
        }
        lists.values_mut().for_each(|lists| lists.sort_by(|one, other| one.list.cmp(&other.list)));
        Ok(lists)
    }

    /// For [`StoreTransaction::save_leads`], which also writes the events.
    pub(crate) fn insert_leads(&mut self, leads: &[SerializedLead<'_>]) -> Result<(), TransactionError> {
        if leads.is_empty() {
            return Ok(());
        }
        let mode = self.session.insert_mode;
        query!(self.session, leads::insert_leads(mode, leads))
    }

    /// The same for leads that exist: the caller has read them under lock.
    pub(crate) fn update_leads(&mut self, leads: &[SerializedLead<'_>]) -> Result<(), TransactionError> {
        if leads.is_empty() || query!(self.session, leads::update_leads(leads))? == leads.len() {
            return Ok(());
        }
        Err(StoreError::Bug("a lead read under lock was not there to update".to_owned()).into())
    }

    pub(crate) fn write_claims(&mut self, claims: &[Claim]) -> Result<(), TransactionError> {
        if claims.is_empty() {
            return Ok(());
        }
        query!(self.session, claims::update_claims(claims)).map(drop)
    }

    pub(crate) fn release_claims(&mut self, keys: &[ClaimKey]) -> Result<(), TransactionError> {
        if keys.is_empty() {
            return Ok(());
        }
        query!(self.session, claims::delete_claims(keys)).map(drop)
    }

    /// Locks what [`StoreTransaction::release_public_claims`] deletes later. A commit that this waited for
    /// may have tied another key to one of the leads; it had to lock a key of the lead for that. So once all
    /// of them are locked none is added.
    pub(crate) fn lock_public_claims(
        &mut self,
        leads: &BTreeSet<(OrganizationId, LeadId)>,
    ) -> Result<(), TransactionError> {
        if leads.is_empty() {
            return Ok(());
        }
        let mut locked = BTreeSet::new();
        loop {
            let before = locked.len();
            locked.extend(query!(self.session, claims::lock_public_claims(leads))?);
            if locked.len() == before {
                return Ok(());
            }
        }
    }

    /// Of these leads, after the claims of the batch were written.
    pub(crate) fn release_public_claims(
        &mut self,
        leads: &BTreeSet<(OrganizationId, LeadId)>,
    ) -> Result<(), TransactionError> {
        if leads.is_empty() {
            return Ok(());
        }
        query!(self.session, claims::delete_public_claims(leads)).map(drop)
    }

    pub(crate) fn record_outcomes(
        &mut self,
        cases: &[ResolvedSubmission<'_>],
    ) -> Result<(), TransactionError> {
        let (released, first): (Vec<_>, Vec<_>) = cases.iter().partition(|case| is_released(case));
        let first: Vec<_> = first.into_iter().map(|case| self.outcome(case)).collect();
        if !first.is_empty() {
            let mode = self.session.insert_mode;
            query!(self.session, outcomes::insert_first_outcomes(mode, &first))?;
        }
        self.record_further_outcomes(&released.into_iter().map(|case| self.outcome(case)).collect::<Vec<_>>())
    }

    /// One more outcome of submissions that have one.
    pub(crate) fn record_outcomes_again(
        &mut self,
        cases: &[ResolvedSubmission<'_>],
    ) -> Result<(), TransactionError> {
        self.record_further_outcomes(&cases.iter().map(|case| self.outcome(case)).collect::<Vec<_>>())
    }

    fn record_further_outcomes(&mut self, outcomes: &[NewOutcome<'_>]) -> Result<(), TransactionError> {
        if outcomes.is_empty() {
            return Ok(());
        }
        query!(self.session, outcomes::insert_further_outcomes(outcomes))
    }

    /// Which submissions leads are made of.
    pub(crate) fn read_contributors(
        &mut self,
        organization: OrganizationId,
        leads: &[LeadId],
    ) -> Result<Contributors, TransactionError> {
        let mut contributors = Contributors::new();
        for (lead, submission) in query!(self.session, submissions::contributor_ids(organization, leads))? {
            contributors.entry(lead).or_default().insert(submission);
        }
        Ok(contributors)
    }

    /// One more outcome of the submissions that made these leads.
    pub(crate) fn record_reassessed(
        &mut self,
        leads: &[Lead],
        traces: &[Trace],
    ) -> Result<(), TransactionError> {
        let outcomes = leads.iter().zip(traces).map(|(lead, trace)| NewOutcome {
            organization: lead.organization,
            submission: SubmissionId::from(lead.id),
            outcome: Outcome::Created,
            lead: Some(lead.id),
            decided_at: self.now,
            trace,
        });
        self.record_further_outcomes(&outcomes.collect::<Vec<_>>())
    }

    fn outcome<'a>(&self, case: &'a ResolvedSubmission<'_>) -> NewOutcome<'a> {
        NewOutcome {
            organization: case.normalized.submission.organization,
            submission: case.normalized.submission.id,
            outcome: case.resolved.outcome,
            lead: case.resolved.lead,
            decided_at: self.now,
            trace: &case.trace,
        }
    }

    /// What was said about consent, once for each submission, and the persons beside it. A person of a row
    /// that was there already would not be the one of its digest, and may have been forgotten.
    pub(crate) fn record_consents(
        &mut self,
        cases: &[ResolvedSubmission<'_>],
        judge: &dyn Judge,
    ) -> Result<(), TransactionError> {
        let evidence = |case: &ResolvedSubmission<'_>| {
            let salt = judge.consent_salt(&case.normalized.submission);
            ConsentEvidence::from_resolved(case, salt, self.now)
        };
        let (released, first): (Vec<_>, Vec<_>) = cases.iter().partition(|case| is_released(case));
        let mut with_people: Vec<_> = first.into_iter().filter_map(evidence).collect();
        let mut missing: Vec<_> = released.into_iter().filter_map(evidence).collect();
        let mode = self.session.insert_mode;
        if !with_people.is_empty() {
            query!(self.session, consents::insert_consents(mode, &with_people))?;
        }
        if !missing.is_empty() {
            let inserted = query!(self.session, consents::insert_missing_consents(&missing))?;
            let inserted: BTreeSet<_> = inserted.into_iter().collect();
            missing.retain(|one| {
                inserted.contains(&ScopedId { organization: one.organization, id: one.submission })
            });
            with_people.append(&mut missing);
        }
        if !with_people.is_empty() {
            query!(self.session, consents::insert_people(mode, &with_people))?;
        }
        Ok(())
    }

    /// Leaves nothing of what these submissions said.
    pub(crate) fn erase_submissions<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k SubmissionKey>,
    ) -> Result<(), TransactionError> {
        let mut by_organization: BTreeMap<OrganizationId, Vec<SubmissionId>> = BTreeMap::new();
        for key in keys {
            by_organization.entry(key.organization).or_default().push(key.id);
        }
        for (organization, submissions) in by_organization {
            erasure::redact(self.session, organization, &submissions, &[], ErasureCause::Request)?;
        }
        Ok(())
    }

    pub(crate) fn quarantine(&mut self, cases: &[ResolvedSubmission<'_>]) -> Result<(), TransactionError> {
        let entry = |case: &ResolvedSubmission<'_>| {
            let submission = &case.normalized.submission;
            case.resolved.quarantine.map(|reason| self.quarantine_entry(submission, reason))
        };
        let (released, first): (Vec<_>, Vec<_>) = cases.iter().partition(|case| is_released(case));
        let first: Vec<_> = first.into_iter().filter_map(entry).collect();
        let released: Vec<_> = released.into_iter().filter_map(entry).collect();
        if !first.is_empty() {
            query!(self.session, quarantine::insert_entries(&first))?;
        }
        if !released.is_empty() {
            query!(self.session, quarantine::reopen_entries(&released))?;
        }
        Ok(())
    }

    /// The entry of a submission that is stored itself.
    fn quarantine_entry(&self, submission: &Submission, reason: QuarantineReason) -> NewQuarantineEntry {
        NewQuarantineEntry {
            organization: submission.organization,
            id: submission.id.as_uuid(),
            submission: submission.id,
            reason,
            body_hash: submission.body_hash,
            document: None,
            quarantined_at: self.now,
        }
    }
}

fn is_released(case: &ResolvedSubmission<'_>) -> bool {
    valid_release(&case.normalized.submission).is_some()
}
