//! Rebuilds stored leads from their contributors.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use leadgate_domain::trace::{MaybeKnown, ReprocessTrace};
use leadgate_domain::{
    AuditAction, Claim, ClaimKey, ClaimKind, Judge, Lead, LeadId, NormalizedSubmission, OrganizationId,
    Outcome, ResolvedOutcome, ResolvedSubmission, Stage, Submission, SubmissionId, Suppression,
    SuppressionMatches, Trace, Trust, matched_by_mailbox_only,
};

use crate::audit;
use crate::commit::suppression_keys;
use crate::connection::query;
use crate::error::{StoreError, TransactionError};
use crate::locks::LockMode;
use crate::rows::ScopedId;
use crate::store::Store;
use crate::store_transaction::StoreTransaction;

/// A submission that created or updated a lead, with its repair if it has one.
#[derive(Debug, Clone, PartialEq)]
pub struct Contributor {
    pub lead: LeadId,
    pub outcome: Outcome,
    pub submission: Submission,
    /// Whether its content was erased by age. The lead still has the values and cannot be rebuilt from it.
    pub erased: bool,
}

/// A lead to rebuild, with its contributors as they are read now.
#[derive(Debug, Clone)]
pub struct LeadRebuild {
    pub lead: LeadId,
    pub parts: Vec<Contribution>,
}

/// One contributor of a lead.
#[derive(Debug, Clone)]
pub struct Contribution {
    pub normalized: NormalizedSubmission,
    /// Its outcome, which does not change.
    pub outcome: Outcome,
    /// The identity keys with which it was committed.
    pub keys: Vec<ClaimKey>,
}

/// The result of a rebuild.
#[derive(Debug, Clone, PartialEq)]
pub enum RebuildResult {
    Unchanged,
    Changed {
        before: Box<Lead>,
        after: Box<Lead>,
        conflicts: Vec<ClaimKind>,
    },
    /// The lead changed meanwhile. Retry.
    ChangedConcurrently,
    /// One of its contributors cannot be judged now. The lead does not change.
    NotRebuildable,
}

impl Store {
    /// The contributors of leads, in no particular order.
    pub async fn contributors(
        &self,
        organization: OrganizationId,
        leads: &[LeadId],
    ) -> Result<Vec<Contributor>, StoreError> {
        if leads.is_empty() {
            return Ok(Vec::new());
        }
        let leads = leads.to_vec();
        self.read(move |session| query!(session, submissions::contributors(organization, &leads))).await
    }

    /// Rebuilds leads of one organization in one transaction. Returns the result of each lead, in order. With
    /// `dry`, it returns the same results and writes nothing.
    ///
    /// The identity is not resolved again: a lead keeps its id and its contributors. New keys of the lead are
    /// claimed if they are free, and keys that it no longer has are released. If a secret submission created
    /// or updated the lead, the keys of public submissions are ignored.
    pub async fn rebuild(
        &self,
        organization: OrganizationId,
        rebuilds: Vec<LeadRebuild>,
        judge: Arc<dyn Judge>,
        dry: bool,
    ) -> Result<Vec<RebuildResult>, StoreError> {
        let rebuilds = Arc::new(rebuilds);
        let entry = self.entry(organization, AuditAction::LeadsReprocessed);
        let run = move |tx: &mut StoreTransaction<'_>| {
            RebuildRun { organization, dry, judge: judge.as_ref() }.rebuild_leads(tx, &rebuilds)
        };
        if dry {
            return self.read(move |session| run(&mut StoreTransaction::new(session))).await;
        }
        self.write(move |session| {
            let rebuilt = run(&mut StoreTransaction::new(session))?;
            let changed = rebuilt.iter().filter(|one| matches!(one, RebuildResult::Changed { .. })).count();
            if changed > 0 {
                audit::record(session, &[entry.clone().with_detail("count", changed)])?;
            }
            Ok(rebuilt)
        })
        .await
    }
}

struct RebuildRun<'j> {
    organization: OrganizationId,
    dry: bool,
    judge: &'j dyn Judge,
}

/// What is stored of the leads.
struct StoredLeads {
    leads: BTreeMap<LeadId, Lead>,
    contributors: Contributors,
    /// Who held the keys before they were locked, and after.
    there: BTreeMap<ClaimKey, Claim>,
    held: BTreeMap<ClaimKey, Claim>,
    suppressions: SuppressionMatches,
}

impl RebuildRun<'_> {
    fn rebuild_leads(
        &self,
        tx: &mut StoreTransaction<'_>,
        rebuilds: &[LeadRebuild],
    ) -> Result<Vec<RebuildResult>, TransactionError> {
        let keys = RebuildKeys::from_rebuilds(rebuilds);
        let found = self.find(tx, rebuilds, &keys)?;
        let mut written = RebuildWrites::default();
        let rebuilt =
            rebuilds.iter().map(|one| self.rebuild_lead(one, &keys, &found, &mut written)).collect();
        if !self.dry {
            written.write(tx, self.judge)?;
        }
        Ok(rebuilt)
    }

    fn find(
        &self,
        tx: &mut StoreTransaction<'_>,
        rebuilds: &[LeadRebuild],
        keys: &RebuildKeys,
    ) -> Result<StoredLeads, TransactionError> {
        let ids: BTreeSet<_> =
            rebuilds.iter().map(|one| ScopedId { organization: self.organization, id: one.lead }).collect();
        let parts = || rebuilds.iter().flat_map(|one| &one.parts).map(|part| &part.normalized);
        if !self.dry {
            // Locked before anything is read, so that a concurrent deletion of leads with their claims has
            // ended.
            let hold = if parts().any(NormalizedSubmission::is_opt_out) {
                LockMode::Exclusive
            } else {
                LockMode::Shared
            };
            tx.lock_organizations([(self.organization, hold)])?;
        }
        let there = tx.read_claims(&keys.provisional)?;
        let leads = if self.dry {
            tx.read_leads(&ids)?
        } else {
            tx.lock_claims(&keys.provisional)?;
            tx.lock_leads(&ids)?
        };
        let held = if self.dry { there.clone() } else { tx.read_claims(&keys.provisional)? };
        let lead_ids: Vec<LeadId> = rebuilds.iter().map(|one| one.lead).collect();
        let contributors = tx.read_contributors(self.organization, &lead_ids)?;
        let suppressions = tx.read_suppressions(&suppression_keys(self.judge, parts(), &[]))?;
        let leads = leads.into_iter().map(|lead| (lead.id, lead)).collect();
        Ok(StoredLeads { leads, contributors, there, held, suppressions })
    }

    fn rebuild_lead<'r>(
        &self,
        one: &'r LeadRebuild,
        keys: &RebuildKeys,
        found: &StoredLeads,
        written: &mut RebuildWrites<'r>,
    ) -> RebuildResult {
        let StoredLeads { leads, contributors, there, held, suppressions } = found;
        let parts: BTreeSet<_> = one.parts.iter().map(|part| part.normalized.submission.id).collect();
        let before = leads.get(&one.lead).filter(|_| contributors.get(&one.lead) == Some(&parts));
        let Some(before) = before else {
            written.release(keys.taken_by(one.lead, there, held));
            return RebuildResult::ChangedConcurrently;
        };
        let normalized: Vec<_> = one.parts.iter().map(|part| &part.normalized).collect();
        let Some((after, traces)) = self.judge.rebuild(before, &normalized, suppressions) else {
            written.release(keys.taken_by(one.lead, there, held));
            return RebuildResult::NotRebuildable;
        };
        written.release(keys.outdated(one.lead, held));
        // The versions of fields may be written in two ways that mean the same.
        if (Lead { field_versions: before.field_versions.clone(), ..after.clone() }) == *before {
            return RebuildResult::Unchanged;
        }
        let conflicts = keys.conflicts(one, held);
        let cases = one.parts.iter().zip(traces);
        written
            .cases
            .extend(cases.map(|(part, trace)| resolved_submission(part, one.lead, trace, &conflicts)));
        if after.opt_out && !before.opt_out {
            let asking = normalized.into_iter().filter(|part| part.is_opt_out());
            written.opted_out.extend(asking.flat_map(|part| self.judge.opt_out_entries(part, &[&after])));
        }
        written.before.push(before.clone());
        written.leads.push(after.clone());
        RebuildResult::Changed { before: Box::new(before.clone()), after: Box::new(after), conflicts }
    }
}

fn resolved_submission<'r>(
    part: &'r Contribution,
    lead: LeadId,
    mut trace: Trace,
    conflicts: &[ClaimKind],
) -> ResolvedSubmission<'r> {
    let conflicts = conflicts.iter().copied().map(MaybeKnown::from).collect();
    trace.record(Stage::Reprocess(ReprocessTrace { conflicts }.into()));
    let ruling = ResolvedOutcome { outcome: part.outcome, lead: Some(lead), quarantine: None };
    ResolvedSubmission {
        normalized: &part.normalized,
        trace,
        resolved: ruling,
        matched_by_mailbox_only: false,
        opted_out_leads: Vec::new(),
    }
}

/// What is written at the end.
#[derive(Default)]
struct RebuildWrites<'r> {
    before: Vec<Lead>,
    leads: Vec<Lead>,
    cases: Vec<ResolvedSubmission<'r>>,
    released: BTreeSet<ClaimKey>,
    opted_out: Vec<Suppression>,
}

impl RebuildWrites<'_> {
    fn release(&mut self, keys: impl Iterator<Item = ClaimKey>) {
        self.released.extend(keys);
    }

    fn write(self, tx: &mut StoreTransaction<'_>, judge: &dyn Judge) -> Result<(), TransactionError> {
        // Events since the erasure of a contributor contain its values, too.
        tx.empty_events_to_rebuild(&self.leads)?;
        tx.change_leads(&self.before, &self.leads)?;
        tx.release_claims(&self.released.into_iter().collect::<Vec<_>>())?;
        tx.record_outcomes_again(&self.cases)?;
        // What is left over is swept.
        tx.opt_out_alone(&self.opted_out, judge)
    }
}

/// The identity keys of leads by today's reading and by yesterday's.
struct RebuildKeys {
    /// In the order in which all writers lock claims. Each key is claimed with the trust of the most trusted
    /// submission that now gives it to its lead.
    provisional: Vec<Claim>,
    today: BTreeSet<(LeadId, ClaimKey)>,
}

/// A claim that a submission would take, or several of one lead.
struct ClaimCandidate {
    /// Whether its lead has the key by today's reading, and the submission's trust.
    rank: (bool, Trust),
    claim: Claim,
}

impl RebuildKeys {
    fn from_rebuilds(rebuilds: &[LeadRebuild]) -> Self {
        let mut candidates: BTreeMap<ClaimKey, ClaimCandidate> = BTreeMap::new();
        let mut today = BTreeSet::new();
        for LeadRebuild { lead, parts } in rebuilds {
            // An operator's correction is no server's submission: it takes no keys from a form's lead.
            let is_correction = |part: &&Contribution| part.normalized.submission.fields.correction.is_some();
            let submitted = parts.iter().filter(|part| !is_correction(part));
            let highest = submitted.map(|part| part.normalized.submission.trust).max();
            let by_mailbox_only = submissions_by_mailbox_only(parts);
            for Contribution { normalized, keys, .. } in parts {
                let trust = normalized.submission.trust;
                let is_alone = by_mailbox_only.contains(&normalized.submission.id);
                let is_identity = |key: &&ClaimKey| match key.kind {
                    ClaimKind::Idempotency => false,
                    ClaimKind::GmailMailbox => true,
                    _ => !is_alone,
                };
                let now: Vec<_> = normalized.claim_keys().filter(is_identity).collect();
                // A form ties no key to a lead that a server made or took over.
                if Some(trust) == highest || normalized.submission.fields.correction.is_some() {
                    today.extend(now.iter().map(|key| (*lead, **key)));
                }
                for key in now.into_iter().chain(keys) {
                    let claim = Claim { lead: *lead, ..normalized.provisional_claim(*key) };
                    let rank = (today.contains(&(*lead, *key)), trust);
                    let best = candidates
                        .entry(*key)
                        .or_insert_with(|| ClaimCandidate { rank, claim: claim.clone() });
                    if best.rank < rank {
                        *best = ClaimCandidate { rank, claim };
                    } else if best.rank == rank && best.claim.lead == *lead {
                        best.claim.extend(&claim);
                    }
                }
            }
        }
        let provisional = candidates.into_values().map(|candidate| candidate.claim).collect();
        Self { provisional, today }
    }

    fn held_by<'k>(
        &'k self,
        lead: LeadId,
        held: &'k BTreeMap<ClaimKey, Claim>,
    ) -> impl Iterator<Item = ClaimKey> + 'k {
        let own = move |claim: &&Claim| held.get(&claim.key).is_some_and(|held| held.lead == lead);
        self.provisional.iter().filter(own).map(|claim| claim.key)
    }

    /// What a lead holds that no submission of it gives it any more.
    fn outdated<'k>(
        &'k self,
        lead: LeadId,
        held: &'k BTreeMap<ClaimKey, Claim>,
    ) -> impl Iterator<Item = ClaimKey> + 'k {
        self.held_by(lead, held).filter(move |key| !self.today.contains(&(lead, *key)))
    }

    /// What a lead took just now.
    fn taken_by<'k>(
        &'k self,
        lead: LeadId,
        there: &'k BTreeMap<ClaimKey, Claim>,
        held: &'k BTreeMap<ClaimKey, Claim>,
    ) -> impl Iterator<Item = ClaimKey> + 'k {
        self.held_by(lead, held).filter(|key| !there.contains_key(key))
    }

    /// The kinds of today's keys that other leads hold.
    fn conflicts(&self, one: &LeadRebuild, held: &BTreeMap<ClaimKey, Claim>) -> Vec<ClaimKind> {
        let of_another = |key: &ClaimKey| held.get(key).is_some_and(|claim| claim.lead != one.lead);
        let own = self.today.iter().filter(|(lead, key)| *lead == one.lead && of_another(key));
        let kinds: BTreeSet<_> = own.map(|(_, key)| key.kind).collect();
        kinds.into_iter().collect()
    }
}

/// The submissions that belong to their lead by a mailbox alone: they tie no other key to it.
fn submissions_by_mailbox_only(parts: &[Contribution]) -> BTreeSet<SubmissionId> {
    let mut in_order: Vec<_> = parts.iter().map(|part| &part.normalized).collect();
    in_order.sort_by_key(|normalized| normalized.submission.processing_order());
    let keys: Vec<Vec<_>> = in_order.iter().map(|part| part.claim_keys().copied().collect()).collect();
    let alone = matched_by_mailbox_only(keys.iter().map(Vec::as_slice));
    let of_alone = in_order.into_iter().zip(alone);
    let of_alone = of_alone.filter(|(one, alone)| *alone && one.submission.fields.correction.is_none());
    of_alone.map(|(normalized, _)| normalized.submission.id).collect()
}

/// Which submissions a lead is made of.
pub(crate) type Contributors = BTreeMap<LeadId, BTreeSet<SubmissionId>>;
