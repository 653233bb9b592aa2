//! What a store passes to the pipeline inside its transaction, and what the pipeline returns.
//!
//! The store knows in which order rows are locked; the pipeline knows what they mean. Neither knows the other:
//! the store calls a [`Judge`], between its statements, with everything that it read under lock.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::{
    ActiveScoring, Claim, ClaimKey, ClaimKind, EmailView, InferredValue, Lead, LeadId, OrganizationId,
    Outcome, Patch, PhoneView, QuarantineReason, Salt, Source, Submission, Suppression, SuppressionKey,
    SuppressionMatches, TextField, Trace,
};

/// What normalization made of a submission's values.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NormalizedValues {
    pub phone: Patch<PhoneView>,
    pub email: Patch<EmailView>,
    /// In one spelling; `None` is an explicit null.
    pub texts: BTreeMap<TextField, Option<String>>,
    /// What the browser sent in addition; absent if the post did not come from a person's browser.
    pub observed: Patch<BTreeMap<String, InferredValue>>,
    /// The supplied identity keys, in the order in which the source lets them decide.
    pub keys: Vec<ClaimKey>,
    pub idempotency: Option<ClaimKey>,
    /// What of it may be on a suppression list.
    pub suppression_keys: Vec<SuppressionKey>,
}

/// A submission that is ready for the commit.
#[derive(Debug, Clone)]
pub struct NormalizedSubmission {
    pub submission: Submission,
    pub disposition: CommitAction,
    pub trace: Trace,
}

/// What the commit is to do with a submission.
#[derive(Debug, Clone)]
pub enum CommitAction {
    /// By the settings of the submission's source, and the scoring of its organization.
    Judge {
        source: Arc<Source>,
        scoring: Arc<ActiveScoring>,
        reading: Box<NormalizedValues>,
    },
    Quarantine(QuarantineReason),
}

impl NormalizedSubmission {
    /// All keys that the commit has to lock for this submission.
    pub fn claim_keys(&self) -> impl Iterator<Item = &ClaimKey> {
        let reading = match &self.disposition {
            CommitAction::Judge { reading, .. } => Some(reading),
            CommitAction::Quarantine(_) => None,
        };
        reading.into_iter().flat_map(|reading| reading.keys.iter().chain(&reading.idempotency))
    }

    /// Whether a person asks in it not to be contacted, also if it goes to the quarantine. A test asks for nothing.
    pub fn is_opt_out(&self) -> bool {
        let Submission { fields, .. } = &self.submission;
        let is_erased = matches!(self.disposition, CommitAction::Quarantine(QuarantineReason::Erased));
        !is_erased && fields.opt_out && !fields.is_test
    }

    /// The claim that this submission takes if the key is free.
    pub fn provisional_claim(&self, key: ClaimKey) -> Claim {
        let window = match &self.disposition {
            CommitAction::Judge { source, .. } => source.window(key.kind),
            CommitAction::Quarantine(_) => None,
        };
        Claim {
            key,
            lead: self.submission.id.into(),
            submission: self.submission.id,
            trust: self.submission.trust,
            body_hash: (key.kind == ClaimKind::Idempotency).then_some(self.submission.body_hash),
            last_seen: self.submission.received_at,
            held_until: window.map(|window| self.submission.received_at.plus(window)),
        }
    }
}

/// How one submission resolves: to which lead, and by which key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedOutcome {
    pub outcome: Outcome,
    /// `None` for what is quarantined.
    pub lead: Option<LeadId>,
    pub quarantine: Option<QuarantineReason>,
}

/// A submission with its ruling. It borrows the batch, so that a retried transaction costs no copy of it.
#[derive(Debug)]
pub struct ResolvedSubmission<'b> {
    pub normalized: &'b NormalizedSubmission,
    /// The submission's trace so far, taken on by the later stages.
    pub trace: Trace,
    pub resolved: ResolvedOutcome,
    /// It met its lead by the mailbox of its address alone, which is written in another way: see
    /// [`ClaimKind::GmailMailbox`]. It changes neither phone, email nor consent of the lead to the better.
    pub matched_by_mailbox_only: bool,
    /// Every lead that the keys of an opt-out name: the person is no more to be contacted, whatever else becomes of
    /// the submission.
    pub opted_out_leads: Vec<LeadId>,
}

/// A whole batch resolved over the claims read under lock.
#[derive(Debug, Default)]
pub struct BatchResolution<'b> {
    /// In the order of (received_at, id).
    pub submissions: Vec<ResolvedSubmission<'b>>,
    /// Claims that differ from what the store holds.
    pub claims: Vec<Claim>,
    /// Claims that were taken provisionally and are not needed.
    pub released: Vec<ClaimKey>,
    /// The stored leads that the batch changes, sorted: the order in which they are locked.
    pub leads: BTreeSet<LeadId>,
    /// Leads that only public submissions had made, and that secret ones of this batch update. Other claims of public
    /// submissions for them end: they may belong to another person.
    pub taken_over_leads: BTreeSet<(OrganizationId, LeadId)>,
}

/// What the store writes.
#[derive(Debug, Default)]
pub struct BatchChanges<'b> {
    pub created: Vec<Lead>,
    pub updated: Vec<Lead>,
    pub claims: Vec<Claim>,
    pub released: Vec<ClaimKey>,
    pub submissions: Vec<ResolvedSubmission<'b>>,
    /// The result of [`Judge::opted_out`] for each case.
    pub opted_out: Vec<Suppression>,
}

/// The pure half of a commit.
pub trait Judge: Send + Sync {
    /// Decides for each fresh submission which lead it makes or meets, walking them in order over the claims.
    /// `claims` holds every key of the batch as stored; one taken by a submission of this very batch is free.
    fn resolve<'b>(
        &self,
        fresh: Vec<&'b NormalizedSubmission>,
        claims: BTreeMap<ClaimKey, Claim>,
    ) -> BatchResolution<'b>;

    /// The suppression keys of this submission's phone and email, also if it goes to the quarantine.
    fn suppression_keys<'n>(&self, normalized: &'n NormalizedSubmission) -> Cow<'n, [SuppressionKey]>;

    /// Merges, enriches, scores and decides.
    fn judge<'b>(
        &self,
        resolution: BatchResolution<'b>,
        leads: Vec<Lead>,
        suppressions: &SuppressionMatches,
    ) -> BatchChanges<'b>;

    /// Decides stored leads anew, after the suppression list changed; what became of each, and why.
    fn reassess(&self, leads: Vec<Lead>, suppressions: &SuppressionMatches) -> Vec<(Lead, Trace)>;

    /// Makes a stored lead anew out of the submissions that it is made of, as they are read today; what it is then,
    /// and why, for each submission in the given order. `None` where one of them cannot be judged, or there is none.
    /// An opt-out stays, also one that was said by a submission that the lead is not made of.
    fn rebuild(
        &self,
        before: &Lead,
        parts: &[&NormalizedSubmission],
        suppressions: &SuppressionMatches,
    ) -> Option<(Lead, Vec<Trace>)>;

    /// Suppressions of the phones and emails that this opt-out names, and of those of the leads that it reaches. They
    /// hold all other leads with these values, stored and future ones.
    fn opt_out_entries(&self, normalized: &NormalizedSubmission, reached: &[&Lead]) -> Vec<Suppression>;

    /// The salt of the consent in this submission.
    fn consent_salt(&self, submission: &Submission) -> Salt;

    /// The values of these leads whose suppression has to be looked up.
    fn suppression_keys_of_leads(&self, leads: &[Lead]) -> BTreeSet<SuppressionKey>;

    /// The same of a phone and an email, as leads hold them.
    fn suppression_keys_of_contact(
        &self,
        organization: OrganizationId,
        e164: Option<&str>,
        email: Option<&str>,
    ) -> Vec<SuppressionKey>;
}
