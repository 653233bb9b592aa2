//! The interface between the store and the pipeline inside a transaction.
//!
//! The store knows the lock order of the rows. The pipeline knows what they mean. Neither depends on the
//! other: the store calls a [`Judge`] between its statements, with everything that it read under lock.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::{
    ActiveScoring, Claim, ClaimKey, ClaimKind, EmailView, InferredValue, Lead, LeadId, OrganizationId,
    Outcome, Patch, PhoneView, QuarantineReason, Salt, Source, Submission, Suppression, SuppressionKey,
    SuppressionMatches, TextField, Trace,
};

/// The normalized values of a submission.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NormalizedValues {
    pub phone: Patch<PhoneView>,
    pub email: Patch<EmailView>,
    /// Texts in canonical form; `None` is an explicit null.
    pub texts: BTreeMap<TextField, Option<String>>,
    /// Values that are inferred from the browser's request; absent if the post did not come from a person's
    /// browser.
    pub observed: Patch<BTreeMap<String, InferredValue>>,
    /// The submitted identity keys, in the order of the source's identity settings.
    pub keys: Vec<ClaimKey>,
    pub idempotency: Option<ClaimKey>,
    /// The keys under which the submission may be on a suppression list.
    pub suppression_keys: Vec<SuppressionKey>,
}

/// A submission that is ready for the commit.
#[derive(Debug, Clone)]
pub struct NormalizedSubmission {
    pub submission: Submission,
    pub action: CommitAction,
    pub trace: Trace,
}

/// What the commit does with a submission.
#[derive(Debug, Clone)]
pub enum CommitAction {
    /// Judge it with the settings of its source and the scoring of its organization.
    Judge {
        source: Arc<Source>,
        scoring: Arc<ActiveScoring>,
        reading: Box<NormalizedValues>,
    },
    Quarantine(QuarantineReason),
}

impl NormalizedSubmission {
    /// All keys that the commit must lock for this submission.
    pub fn claim_keys(&self) -> impl Iterator<Item = &ClaimKey> {
        let reading = match &self.action {
            CommitAction::Judge { reading, .. } => Some(reading),
            CommitAction::Quarantine(_) => None,
        };
        reading.into_iter().flat_map(|reading| reading.keys.iter().chain(&reading.idempotency))
    }

    /// Whether the submission is an opt-out. A quarantined submission can be one, a test submission cannot.
    pub fn is_opt_out(&self) -> bool {
        let Submission { fields, .. } = &self.submission;
        let is_erased = matches!(self.action, CommitAction::Quarantine(QuarantineReason::Erased));
        !is_erased && fields.opt_out && !fields.is_test
    }

    /// The claim that this submission takes if the key is free.
    pub fn provisional_claim(&self, key: ClaimKey) -> Claim {
        let window = match &self.action {
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
            protected_until: window.map(|window| self.submission.received_at.plus(window)),
        }
    }
}

/// The outcome of one submission and its lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedOutcome {
    pub outcome: Outcome,
    /// `None` for a quarantined submission.
    pub lead: Option<LeadId>,
    pub quarantine: Option<QuarantineReason>,
}

/// A submission with its resolved outcome. It borrows the batch, so that a retried transaction copies
/// nothing.
#[derive(Debug)]
pub struct ResolvedSubmission<'b> {
    pub normalized: &'b NormalizedSubmission,
    /// The trace so far. Later stages add to it.
    pub trace: Trace,
    pub resolved: ResolvedOutcome,
    /// Only the Gmail mailbox matched ([`ClaimKind::GmailMailbox`]); the address is written differently. Such
    /// a submission does not set the phone, the email or the consent of the lead.
    pub matched_by_mailbox_only: bool,
    /// All leads that have a key of an opt-out. They are held, whatever the outcome of the submission is.
    pub opted_out_leads: Vec<LeadId>,
}

/// The resolved outcomes of a batch.
#[derive(Debug, Default)]
pub struct BatchResolution<'b> {
    /// Sorted by (received_at, id).
    pub submissions: Vec<ResolvedSubmission<'b>>,
    /// Claims that differ from the stored ones.
    pub claims: Vec<Claim>,
    /// Provisional claims that are not needed.
    pub released: Vec<ClaimKey>,
    /// The stored leads that the batch changes, in the order in which they are locked.
    pub leads: BTreeSet<LeadId>,
    /// Leads of public submissions only, which secret submissions of this batch update. Other claims of
    /// public submissions for these leads are released: they may belong to another person.
    pub taken_over_leads: BTreeSet<(OrganizationId, LeadId)>,
}

/// The rows that the store writes.
#[derive(Debug, Default)]
pub struct BatchChanges<'b> {
    pub created: Vec<Lead>,
    pub updated: Vec<Lead>,
    pub claims: Vec<Claim>,
    pub released: Vec<ClaimKey>,
    pub submissions: Vec<ResolvedSubmission<'b>>,
    /// The results of [`Judge::opt_out_entries`] for all submissions.
    pub opted_out: Vec<Suppression>,
}

/// The pure part of a commit.
pub trait Judge: Send + Sync {
    /// Decides for each new submission, in order, which lead it creates or matches. `claims` contains every
    /// key of the batch as it is stored. A key that a submission of this batch claimed provisionally is free.
    fn resolve<'b>(
        &self,
        fresh: Vec<&'b NormalizedSubmission>,
        claims: BTreeMap<ClaimKey, Claim>,
    ) -> BatchResolution<'b>;

    /// The suppression keys of the submission's phone and email, also if it is quarantined.
    fn suppression_keys<'n>(&self, normalized: &'n NormalizedSubmission) -> Cow<'n, [SuppressionKey]>;

    /// Merges, enriches, scores and decides.
    fn judge<'b>(
        &self,
        resolution: BatchResolution<'b>,
        leads: Vec<Lead>,
        suppressions: &SuppressionMatches,
    ) -> BatchChanges<'b>;

    /// Evaluates stored leads again after a suppression list changed. Returns each lead with its new trace.
    fn reassess(&self, leads: Vec<Lead>, suppressions: &SuppressionMatches) -> Vec<(Lead, Trace)>;

    /// Rebuilds a stored lead from its contributors as they are read now. Returns the lead, and a trace for
    /// each contributor in the given order; `None` if one of them cannot be judged, or if there are none. An
    /// opt-out stays, even if it came from a submission that is not a contributor.
    fn rebuild(
        &self,
        before: &Lead,
        parts: &[&NormalizedSubmission],
        suppressions: &SuppressionMatches,
    ) -> Option<(Lead, Vec<Trace>)>;

    /// Suppression entries for the phones and emails of this opt-out and of the leads that it matches. They
    /// hold all other leads with these values, stored and future ones.
    fn opt_out_entries(&self, normalized: &NormalizedSubmission, reached: &[&Lead]) -> Vec<Suppression>;

    /// The salt of the consent in this submission.
    fn consent_salt(&self, submission: &Submission) -> Salt;

    /// The suppression keys that must be looked up for these leads.
    fn suppression_keys_of_leads(&self, leads: &[Lead]) -> BTreeSet<SuppressionKey>;

    /// The suppression keys of a phone and an email as they are stored in leads.
    fn suppression_keys_of_contact(
        &self,
        organization: OrganizationId,
        e164: Option<&str>,
        email: Option<&str>,
    ) -> Vec<SuppressionKey>;
}
