//! The steps of a commit. Each step is one statement and converts domain values to rows and back.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use leadgate_domain::{
    Claim, ClaimKey, ConsentEvidence, Judge, Lead, LeadId, ListEntry, NormalizedSubmission, OrganizationId,
    Outcome, QuarantineReason, QuarantineRelease, ResolvedSubmission, Submission, SubmissionId, Suppression,
    SuppressionKey, SuppressionMatches, Timestamp, Trace,
};

use crate::commit::{SubmissionKey, valid_release};
use crate::connection::StoreConnection;
use crate::erasure::{self, ErasureCause};
use crate::error::{StoreError, TransactionError};
use crate::rebuild::Contributors;
use crate::rows::{
    AdvisoryLock, LeadRow, LockMode, OutcomeRow, PersonRow, QuarantineRow, ReleaseRow, ScopedId,
    SubmissionRow,
};
use crate::sql::Sql;
use crate::suppressions;

/// The statements of one transaction. A step without rows is skipped.
pub(crate) struct StoreTransaction<'s> {
    session: &'s mut StoreConnection,
    sql: &'static Sql,
    now: Timestamp,
}

impl<'s> StoreTransaction<'s> {
    pub(crate) fn new(session: &'s mut StoreConnection) -> Self {
        let sql = session.sql;
        Self { session, sql, now: Timestamp::now() }
    }

    fn execute<R: serde::Serialize>(
        &mut self,
        text: &'static str,
        rows: &[R],
    ) -> Result<usize, TransactionError> {
        if rows.is_empty() { Ok(0) } else { self.session.execute(text, rows) }
    }

    fn load<R: serde::Serialize, T: serde::de::DeserializeOwned>(
        &mut self,
        text: &'static str,
        rows: &[R],
    ) -> Result<Vec<T>, TransactionError> {
        if rows.is_empty() { Ok(Vec::new()) } else { self.session.load(text, rows) }
    }

    /// Until the transaction ends.
    pub(crate) fn lock_organizations(
        &mut self,
        organizations: impl IntoIterator<Item = (OrganizationId, LockMode)>,
    ) -> Result<(), TransactionError> {
        let Some(hold) = self.sql.leads.hold else { return Ok(()) };
        self.execute(hold, &AdvisoryLock::for_organizations(organizations)).map(drop)
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
        let rows: Vec<SubmissionRow<'_>> = submissions.map(SubmissionRow::from_submission).collect();
        self.insert_submission_rows(&rows)
    }

    pub(crate) fn insert_submission_rows(
        &mut self,
        rows: &[SubmissionRow<'_>],
    ) -> Result<BTreeSet<SubmissionKey>, TransactionError> {
        let fresh: Vec<(OrganizationId, SubmissionId)> = self.load(self.sql.submissions.insert, rows)?;
        Ok(fresh.into_iter().map(|(organization, id)| ScopedId { organization, id }).collect())
    }

    /// Releases what is open in the quarantine and was not released by the same release before. The keys of
    /// those; true for one that came under the id of another, whose submission has no row unless it was
    /// released before.
    pub(crate) fn release<'a>(
        &mut self,
        submissions: impl Iterator<Item = &'a Submission>,
    ) -> Result<BTreeMap<SubmissionKey, bool>, TransactionError> {
        let rows = submissions.filter_map(|submission| {
            let QuarantineRelease { released_at, .. } = valid_release(submission)?;
            Some(ReleaseRow { organization: submission.organization, id: submission.id, released_at })
        });
        let rows: Vec<_> = rows.collect();
        if rows.is_empty() {
            return Ok(BTreeMap::new());
        }
        let released: Vec<(OrganizationId, SubmissionId, bool)> =
            self.session.load(self.sql.quarantine.release, &rows)?;
        Ok(released
            .into_iter()
            .map(|(organization, id, apart)| (ScopedId { organization, id }, apart))
            .collect())
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
        let entries: BTreeMap<_, _> = taken.iter().map(|one| (uuid::Uuid::now_v7(), *one)).collect();
        let rows = entries.iter().map(|(id, NormalizedSubmission { submission, .. })| {
            Ok(QuarantineRow {
                organization: submission.organization,
                id: *id,
                submission: submission.id,
                reason: QuarantineReason::IdReused,
                body_hash: submission.body_hash,
                document: Some(wrap_submission(submission)?),
                quarantined_at: self.now,
            })
        });
        let rows = rows.collect::<Result<Vec<_>, TransactionError>>()?;
        let inserted: Vec<uuid::Uuid> = self.load(self.sql.quarantine.insert_reused, &rows)?;
        Ok(inserted.iter().filter_map(|id| entries.get(id).copied()).collect())
    }

    /// Takes the free keys and locks the others. `claims` must be sorted by key, which prevents deadlocks.
    pub(crate) fn lock_claims(&mut self, claims: &[Claim]) -> Result<(), TransactionError> {
        self.execute(self.sql.claims.lock, claims).map(drop)
    }

    pub(crate) fn read_claims(
        &mut self,
        claims: &[Claim],
    ) -> Result<BTreeMap<ClaimKey, Claim>, TransactionError> {
        let keys: Vec<ClaimKey> = claims.iter().map(|claim| claim.key).collect();
        let held: Vec<Claim> = self.load(self.sql.claims.read, &keys)?;
        Ok(held.into_iter().map(|claim| (claim.key, claim)).collect())
    }

    pub(crate) fn lock_leads(
        &mut self,
        leads: &BTreeSet<ScopedId<LeadId>>,
    ) -> Result<Vec<Lead>, TransactionError> {
        let rows: Vec<_> = leads.iter().copied().collect();
        self.load(self.sql.leads.lock, &rows)
    }

    /// Without a lock, for who changes nothing.
    pub(crate) fn read_leads(
        &mut self,
        leads: &BTreeSet<ScopedId<LeadId>>,
    ) -> Result<Vec<Lead>, TransactionError> {
        let rows: Vec<_> = leads.iter().copied().collect();
        self.load(self.sql.leads.read, &rows)
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

    pub(crate) fn insert_leads(&mut self, leads: &[Lead]) -> Result<(), TransactionError> {
        let rows: Vec<_> = leads.iter().map(LeadRow::from_lead).collect();
        self.execute(self.sql.leads.insert, &rows).map(drop)
    }

    /// All of them exist: the caller has read them under lock.
    pub(crate) fn update_leads(&mut self, leads: &[Lead]) -> Result<(), TransactionError> {
        let rows: Vec<_> = leads.iter().map(LeadRow::from_lead).collect();
        match self.execute(self.sql.leads.update, &rows)? == rows.len() {
            true => Ok(()),
            false => Err(StoreError::Bug("a lead read under lock was not there to update".to_owned()).into()),
        }
    }

    pub(crate) fn write_claims(&mut self, claims: &[Claim]) -> Result<(), TransactionError> {
        self.execute(self.sql.claims.write, claims).map(drop)
    }

    pub(crate) fn release_claims(&mut self, keys: &[ClaimKey]) -> Result<(), TransactionError> {
        self.execute(self.sql.claims.release, keys).map(drop)
    }

    /// Locks what [`StoreTransaction::release_public_claims`] deletes later. A commit that this waited for
    /// may have tied another key to one of the leads; it had to lock a key of the lead for that. So once all
    /// of them are locked none is added.
    pub(crate) fn lock_public_claims(
        &mut self,
        leads: &BTreeSet<(OrganizationId, LeadId)>,
    ) -> Result<(), TransactionError> {
        let Some(lock) = self.sql.claims.lock_public else { return Ok(()) };
        let (rows, mut locked) = (leads_of(leads), BTreeSet::<ClaimKey>::new());
        loop {
            let before = locked.len();
            locked.extend(self.load::<_, ClaimKey>(lock, &rows)?);
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
        self.execute(self.sql.claims.release_public, &leads_of(leads)).map(drop)
    }

    pub(crate) fn record_outcomes(
        &mut self,
        cases: &[ResolvedSubmission<'_>],
    ) -> Result<(), TransactionError> {
        let row = |case| self.outcome(case);
        let (released, first): (Vec<_>, Vec<_>) = cases.iter().partition(|case| is_released(case));
        let first: Vec<_> = first.into_iter().map(row).collect();
        let released: Vec<_> = released.into_iter().map(row).collect();
        self.execute(self.sql.submissions.decide, &first)?;
        self.execute(self.sql.submissions.decide_again, &released).map(drop)
    }

    /// One more outcome of submissions that have one.
    pub(crate) fn record_outcomes_again(
        &mut self,
        cases: &[ResolvedSubmission<'_>],
    ) -> Result<(), TransactionError> {
        let rows: Vec<_> = cases.iter().map(|case| self.outcome(case)).collect();
        self.execute(self.sql.submissions.decide_again, &rows).map(drop)
    }

    /// Which submissions leads are made of.
    pub(crate) fn read_contributors(
        &mut self,
        leads: &BTreeSet<ScopedId<LeadId>>,
    ) -> Result<Contributors, TransactionError> {
        let rows: Vec<_> = leads.iter().copied().collect();
        let pairs: Vec<(LeadId, SubmissionId)> = self.load(self.sql.submissions.contributors, &rows)?;
        let mut contributors = Contributors::new();
        for (lead, submission) in pairs {
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
        let rows = leads.iter().zip(traces).map(|(lead, trace)| OutcomeRow {
            organization: lead.organization,
            submission: SubmissionId::from(lead.id),
            revision: 1,
            outcome: Outcome::Created,
            lead: Some(lead.id),
            decided_at: self.now,
            trace,
        });
        let rows: Vec<_> = rows.collect();
        self.execute(self.sql.submissions.decide_again, &rows).map(drop)
    }

    fn outcome<'a>(&self, case: &'a ResolvedSubmission<'_>) -> OutcomeRow<'a> {
        OutcomeRow {
            organization: case.normalized.submission.organization,
            submission: case.normalized.submission.id,
            revision: 1,
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
        let evidence = cases.iter().filter_map(|case| {
            let salt = judge.consent_salt(&case.normalized.submission);
            ConsentEvidence::from_resolved(case, salt, self.now)
        });
        let mut evidence: Vec<ConsentEvidence> = evidence.collect();
        let people = evidence.iter_mut().filter_map(|one| {
            let ConsentEvidence { organization, submission, .. } = *one;
            Some(PersonRow { organization, submission, person: one.person.take()? })
        });
        let people: Vec<_> = people.collect();
        let fresh: Vec<(OrganizationId, SubmissionId)> = self.load(self.sql.consents.insert, &evidence)?;
        let fresh: BTreeSet<_> = fresh.into_iter().collect();
        let is_fresh = |one: &PersonRow| fresh.contains(&(one.organization, one.submission));
        let people: Vec<_> = people.into_iter().filter(is_fresh).collect();
        self.execute(self.sql.consents.insert_people, &people).map(drop)
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
        let row = |case: &ResolvedSubmission<'_>| {
            let submission = &case.normalized.submission;
            case.resolved.quarantine.map(|reason| self.quarantined(submission, reason))
        };
        let (released, first): (Vec<_>, Vec<_>) = cases.iter().partition(|case| is_released(case));
        let first: Vec<_> = first.into_iter().filter_map(row).collect();
        let released: Vec<_> = released.into_iter().filter_map(row).collect();
        self.execute(self.sql.quarantine.insert, &first)?;
        self.execute(self.sql.quarantine.reopen, &released).map(drop)
    }

    /// The row of a submission that is stored itself.
    fn quarantined(&self, submission: &Submission, reason: QuarantineReason) -> QuarantineRow {
        QuarantineRow {
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

fn leads_of(leads: &BTreeSet<(OrganizationId, LeadId)>) -> Vec<ScopedId<LeadId>> {
    leads.iter().map(|(organization, id)| ScopedId { organization: *organization, id: *id }).collect()
}

fn is_released(case: &ResolvedSubmission<'_>) -> bool {
    valid_release(&case.normalized.submission).is_some()
}

/// A whole submission in a form that no database refuses, without what is not stored of it.
pub(crate) fn wrap_submission(submission: &Submission) -> Result<String, StoreError> {
    let submission = Submission { reply_to: None, release: None, ..submission.clone() };
    let json = serde_json::to_vec(&submission);
    json.map(|json| STANDARD.encode(json))
        .map_err(|error| StoreError::Bug(format!("a submission cannot be written as JSON: {error}")))
}
