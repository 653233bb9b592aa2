//! Commits a batch of submissions in one transaction. The order of the steps is the same for both databases.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use leadgate_domain::suppression::ERASED_LIST;
use leadgate_domain::{
    BatchResolution, BodyHash, Claim, ClaimKey, CommitAction, Judge, Lead, LeadId, ListEntry,
    NormalizedSubmission, OrganizationId, Outcome, QuarantineReason, QuarantineRelease, ResolvedSubmission,
    Submission, SubmissionId, Suppression, SuppressionKey, SuppressionMatches, Trace,
};

use crate::directory::MAX_CLOCK_SKEW;
use crate::error::{StoreError, TransactionError};
use crate::events::LeadWrites;
use crate::locks::{AdvisoryLock, LockMode};
use crate::rows::ScopedId;
use crate::store::Store;
use crate::store_transaction::StoreTransaction;

/// The result of a commit.
#[derive(Debug, Default)]
pub struct CommitResult {
    /// The submissions that this commit settled, in the order of their receipt.
    pub settled: Vec<SettledSubmission>,
    /// The number of submissions that were settled before: redeliveries, and releases of entries that are not
    /// open. They have no effect.
    pub repeated: usize,
    /// The number of submissions with the id of another one. They are quarantined.
    pub reused: usize,
    /// Organizations in which an opt-out may not be applied to all stored leads yet: call [`Store::rescreen`]
    /// for each.
    pub pending: BTreeSet<OrganizationId>,
}

/// The outcome of one submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledSubmission {
    pub submission: SubmissionId,
    pub organization: OrganizationId,
    pub outcome: Outcome,
    /// The lead that it created or matched. `None` if it is quarantined.
    pub lead: Option<LeadId>,
    /// The reason, if it is quarantined.
    pub quarantine: Option<QuarantineReason>,
}

impl SettledSubmission {
    pub(crate) fn from_resolved(case: &ResolvedSubmission<'_>) -> Self {
        Self {
            submission: case.normalized.submission.id,
            organization: case.normalized.submission.organization,
            outcome: case.resolved.outcome,
            lead: case.resolved.lead,
            quarantine: case.resolved.quarantine,
        }
    }
}

impl Store {
    /// Commits a batch completely or not at all.
    ///
    /// After [`StoreError::RowRefused`] or [`StoreError::Panicked`], one submission of the batch is the
    /// likely cause. The caller commits halves of the batch, down to the single submission, and passes that
    /// to [`Store::quarantine_alone`].
    pub async fn commit(
        &self,
        batch: impl Into<Arc<[NormalizedSubmission]>>,
        judge: Arc<dyn Judge>,
    ) -> Result<CommitResult, StoreError> {
        let batch = batch.into();
        if batch.is_empty() {
            return Ok(CommitResult::default());
        }
        // A new suppression waits for this transaction, or this transaction sees it. An opt-out does not wait:
        // see `opt_out`.
        let organizations =
            batch.iter().map(|normalized| (normalized.submission.organization, LockMode::Shared));
        let locks = AdvisoryLock::for_organizations(organizations);
        self.write_locked(locks, move |session| {
            commit(&mut StoreTransaction::new(session), &batch, judge.as_ref())
        })
        .await
    }
}

/// The commit. Every writer of leads takes its locks in this order: organizations, submissions, the
/// quarantine, claims, leads, each sorted; the claims of a lead that is taken over follow those of the batch.
/// One statement per step whatever the size of the batch; a step without rows is none.
fn commit(
    tx: &mut StoreTransaction<'_>,
    batch: &[NormalizedSubmission],
    judge: &dyn Judge,
) -> Result<CommitResult, TransactionError> {
    let (releases, posted): (Vec<_>, Vec<_>) =
        batch.iter().partition(|normalized| valid_release(&normalized.submission).is_some());
    let (distinct, clashing) = distinct_submissions(posted);

    let inserted = tx.insert_submissions(distinct.values().map(|normalized| &normalized.submission))?;
    let (fresh, stale): (BTreeMap<_, _>, BTreeMap<_, _>) =
        distinct.into_iter().partition(|(id, _)| inserted.contains(id));
    let met = stale.into_values().chain(clashing).collect::<Vec<_>>();
    let released = release_from_quarantine(tx, releases)?;
    let reused = tx.quarantine_reused(&met)?;
    let repeated = batch.len() - inserted.len() - released.len() - reused.len();

    let fresh: Vec<&NormalizedSubmission> = fresh.into_values().chain(released).collect();
    let provisional = provisional(&fresh);
    let all_free = tx.lock_claims(&provisional)?;
    // A key that was free holds what was just inserted: there is nothing to read.
    let claims = if all_free { by_key(&provisional) } else { tx.read_claims(&provisional)? };
    let mut resolved = JudgeInput::read(tx, judge, fresh, claims)?;
    let erased = resolved.split_off_erased(judge);
    let late_opt_outs = resolved.opt_outs_of(&erased, judge);
    let aside = reused.iter().filter(|one| one.is_opt_out()).flat_map(|one| judge.opt_out_entries(one, &[]));
    let opt_outs_aside: Vec<_> = aside.collect();
    if !erased.is_empty() {
        // Rare enough to resolve the whole batch once more, without them.
        let others = resolved.resolution.submissions.iter().map(|case| case.normalized);
        let others = others.filter(|one| !erased.contains_key(&key_of(&one.submission)));
        let fresh = others.chain(erased.values()).collect();
        let claims = tx.read_claims(&provisional)?;
        resolved = JudgeInput::read(tx, judge, fresh, claims)?;
    }
    let JudgeInput { resolution, leads, suppressions } = resolved;
    let taken_over = resolution.taken_over_leads.clone();
    let subscriptions = tx.read_subscriptions(&organizations_of(batch))?;
    let before = if subscriptions.is_empty() { Vec::new() } else { leads.clone() };
    let effects = judge.judge(resolution, leads, &suppressions);

    if effects.submissions.iter().any(is_correction_without_lead) {
        return Err(StoreError::LeadGone.into());
    }
    let writes = LeadWrites { created: &effects.created, updated: &effects.updated, before: &before };
    tx.save_leads(writes, &subscriptions, &effects.submissions)?;
    tx.write_claims(&effects.claims)?;
    tx.release_claims(&effects.released)?;
    tx.release_public_claims(&taken_over)?;
    tx.record_outcomes(&effects.submissions)?;
    tx.quarantine(&effects.submissions)?;
    tx.record_consents(&effects.submissions, judge)?;
    tx.erase_submissions(erased.keys())?;
    let pending = tx.opt_out(&[effects.opted_out, late_opt_outs, opt_outs_aside].concat(), judge)?;

    let settled = effects.submissions.iter().map(SettledSubmission::from_resolved).collect();
    Ok(CommitResult { settled, repeated, reused: reused.len(), pending })
}

fn organizations_of(batch: &[NormalizedSubmission]) -> BTreeSet<OrganizationId> {
    batch.iter().map(|normalized| normalized.submission.organization).collect()
}

/// Whether a correction found no lead. Nothing of it may be stored: its keys would belong to a lead that is
/// gone.
fn is_correction_without_lead(case: &ResolvedSubmission<'_>) -> bool {
    let is_correction = case.normalized.submission.fields.correction.is_some();
    is_correction && case.resolved.quarantine == Some(QuarantineReason::NoMatch)
}

/// A batch resolved over its claims, with everything that is read for judging it.
struct JudgeInput<'b> {
    resolution: BatchResolution<'b>,
    leads: Vec<Lead>,
    suppressions: SuppressionMatches,
}

impl<'b> JudgeInput<'b> {
    fn read(
        tx: &mut StoreTransaction<'_>,
        judge: &dyn Judge,
        fresh: Vec<&'b NormalizedSubmission>,
        claims: BTreeMap<ClaimKey, Claim>,
    ) -> Result<Self, TransactionError> {
        let resolution = judge.resolve(fresh, claims);
        tx.lock_public_claims(&resolution.taken_over_leads)?;
        let leads = tx.lock_leads(&leads_to_lock(&resolution))?;
        let submitted = resolution.submissions.iter().map(|case| case.normalized);
        let suppressions = tx.read_suppressions(&suppression_keys(judge, submitted, &leads))?;
        Ok(Self { resolution, leads, suppressions })
    }

    /// Suppressions requested by opt-outs among the erased submissions: an opt-out counts even if its
    /// submission is erased. Values that the erasure already suppresses are left out, so that only their key
    /// is stored.
    fn opt_outs_of(
        &self,
        erased: &BTreeMap<SubmissionKey, NormalizedSubmission>,
        judge: &dyn Judge,
    ) -> Vec<Suppression> {
        let cases = self.resolution.submissions.iter().map(|case| case.normalized);
        let asking = cases.filter(|one| one.is_opt_out() && erased.contains_key(&key_of(&one.submission)));
        let by_erasure = |entry: &Suppression| {
            let listings = self.suppressions.get(&entry.key);
            listings.is_some_and(|listings| listings.iter().any(|listing| listing.list == ERASED_LIST))
        };
        asking.flat_map(|one| judge.opt_out_entries(one, &[])).filter(|entry| !by_erasure(entry)).collect()
    }

    /// Submissions that name an erased person and may have been received before the erasure, set aside.
    fn split_off_erased(&self, judge: &dyn Judge) -> BTreeMap<SubmissionKey, NormalizedSubmission> {
        let is_erased = |normalized: &NormalizedSubmission| {
            let named = judge.suppression_keys(normalized);
            let found = named.iter().filter_map(|key| self.suppressions.get(key));
            let made_by_erasure =
                |listing: &&ListEntry| listing.list == ERASED_LIST && listing.form.is_plain();
            let mut erasures = found.flatten().filter(made_by_erasure);
            // An erased person stays erased, whatever the difference between the gateway's clock and the
            // database's.
            let received_by = normalized.submission.received_at.minus(MAX_CLOCK_SKEW);
            erasures.any(|listing| received_by < listing.added_at)
        };
        let late =
            self.resolution.submissions.iter().map(|case| case.normalized).filter(|one| is_erased(one));
        let set_aside = |one: &NormalizedSubmission| NormalizedSubmission {
            submission: one.submission.clone(),
            action: CommitAction::Quarantine(QuarantineReason::Erased),
            trace: Trace::default(),
        };
        late.map(|one| (key_of(&one.submission), set_aside(one))).collect()
    }
}

/// The keys of all phones and emails that these submissions name and these leads hold.
pub(crate) fn suppression_keys<'n>(
    judge: &dyn Judge,
    submitted: impl IntoIterator<Item = &'n NormalizedSubmission>,
    leads: &[Lead],
) -> BTreeSet<SuppressionKey> {
    let mut watched = judge.suppression_keys_of_leads(leads);
    for normalized in submitted {
        watched.extend(judge.suppression_keys(normalized).iter());
    }
    watched
}

/// The release of a submission. A release that names another id than its submission's is ignored: the submission
/// is processed as one that was posted.
pub(crate) fn valid_release(submission: &Submission) -> Option<QuarantineRelease> {
    submission.release.filter(|release| release.entry == submission.id.as_uuid())
}

/// Closes the open entries of released submissions and returns these submissions. They are stored already, except
/// those that arrived with the id of another submission.
fn release_from_quarantine<'b>(
    tx: &mut StoreTransaction<'_>,
    releases: Vec<&'b NormalizedSubmission>,
) -> Result<Vec<&'b NormalizedSubmission>, TransactionError> {
    // Only the latest release of an entry counts: earlier ones were processed, or have no effect of their own.
    let mut latest: BTreeMap<SubmissionKey, &NormalizedSubmission> = BTreeMap::new();
    for normalized in releases {
        let one = latest.entry(key_of(&normalized.submission)).or_insert(normalized);
        let at = |normalized: &NormalizedSubmission| {
            valid_release(&normalized.submission).map(|one| one.released_at)
        };
        if at(one) < at(normalized) {
            *one = normalized;
        }
    }
    let released = tx.release(latest.values().map(|normalized| &normalized.submission))?;
    latest.retain(|key, _| released.contains_key(key));
    let apart = latest.iter().filter(|(key, _)| released.get(key) == Some(&true));
    tx.insert_submissions(apart.map(|(_, normalized)| &normalized.submission))?;
    Ok(latest.into_values().collect())
}

pub(crate) type SubmissionKey = ScopedId<SubmissionId>;

pub(crate) fn key_of(submission: &Submission) -> SubmissionKey {
    ScopedId { organization: submission.organization, id: submission.id }
}

/// One submission per id, and those that have the id of another one of the batch but another body. Copies are in
/// neither.
fn distinct_submissions(
    batch: Vec<&NormalizedSubmission>,
) -> (BTreeMap<SubmissionKey, &NormalizedSubmission>, Vec<&NormalizedSubmission>) {
    let mut distinct = BTreeMap::new();
    let mut clashing: BTreeMap<(SubmissionKey, BodyHash), &NormalizedSubmission> = BTreeMap::new();
    for normalized in batch {
        let submission = &normalized.submission;
        let first = *distinct.entry(key_of(submission)).or_insert(normalized);
        if first.submission.body_hash != submission.body_hash {
            clashing.insert((key_of(submission), submission.body_hash), normalized);
        }
    }
    (distinct, clashing.into_values().collect())
}

/// A claim for every key of the batch, by the first submission that holds it; in the order of keys.
pub(crate) fn provisional(fresh: &[&NormalizedSubmission]) -> Vec<Claim> {
    let mut in_order = fresh.to_vec();
    in_order.sort_by_key(|normalized| normalized.submission.processing_order());
    let mut claims: BTreeMap<ClaimKey, Claim> = BTreeMap::new();
    for normalized in in_order {
        for key in normalized.claim_keys() {
            claims.entry(*key).or_insert_with(|| normalized.provisional_claim(*key));
        }
    }
    claims.into_values().collect()
}

fn by_key(claims: &[Claim]) -> BTreeMap<ClaimKey, Claim> {
    claims.iter().map(|claim| (claim.key, claim.clone())).collect()
}

/// The leads to lock, each under the organization whose submission changes it.
pub(crate) fn leads_to_lock(resolution: &BatchResolution<'_>) -> BTreeSet<ScopedId<LeadId>> {
    let met = resolution.submissions.iter().flat_map(|case| {
        let named = case.resolved.lead.iter().chain(&case.opted_out_leads);
        let changed = named.filter(|lead| resolution.leads.contains(lead));
        changed.map(|id| ScopedId { organization: case.normalized.submission.organization, id: *id })
    });
    met.collect()
}
