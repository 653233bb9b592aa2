//! Judges for tests: one that changes the result of the pipeline's judge, and one that pauses.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use leadgate_domain::{
    BatchChanges, BatchResolution, Claim, ClaimKey, Judge, Lead, NormalizedSubmission, OrganizationId, Salt,
    Submission, Suppression, SuppressionKey, SuppressionMatches, Trace,
};

/// Runs a hook on the changes before they are written. Everything was read, nothing is committed.
pub(crate) struct HookedJudge<F> {
    judge: Arc<dyn Judge>,
    hook: F,
    /// How many batches were resolved. A transaction that is retried resolves its batch again.
    resolved: Arc<AtomicUsize>,
}

impl<F: Fn(&mut BatchChanges<'_>) + Send + Sync + 'static> HookedJudge<F> {
    pub(crate) fn judge(judge: Arc<dyn Judge>, hook: F) -> Arc<dyn Judge> {
        Self::counting(judge, hook).0
    }

    /// Also returns the number of resolved batches.
    pub(crate) fn counting(judge: Arc<dyn Judge>, hook: F) -> (Arc<dyn Judge>, Arc<AtomicUsize>) {
        let resolved = Arc::new(AtomicUsize::new(0));
        (Arc::new(Self { judge, hook, resolved: Arc::clone(&resolved) }), resolved)
    }
}

impl<F: Fn(&mut BatchChanges<'_>) + Send + Sync> Judge for HookedJudge<F> {
    fn resolve<'b>(
        &self,
        fresh: Vec<&'b NormalizedSubmission>,
        claims: BTreeMap<ClaimKey, Claim>,
    ) -> BatchResolution<'b> {
        self.resolved.fetch_add(1, Ordering::Relaxed);
        self.judge.resolve(fresh, claims)
    }

    fn suppression_keys<'n>(&self, normalized: &'n NormalizedSubmission) -> Cow<'n, [SuppressionKey]> {
        self.judge.suppression_keys(normalized)
    }

    fn judge<'b>(
        &self,
        resolution: BatchResolution<'b>,
        leads: Vec<Lead>,
        list: &SuppressionMatches,
    ) -> BatchChanges<'b> {
        let mut changes = self.judge.judge(resolution, leads, list);
        (self.hook)(&mut changes);
        changes
    }

    fn reassess(&self, leads: Vec<Lead>, list: &SuppressionMatches) -> Vec<(Lead, Trace)> {
        self.judge.reassess(leads, list)
    }

    fn rebuild(
        &self,
        before: &Lead,
        parts: &[&NormalizedSubmission],
        suppressions: &SuppressionMatches,
    ) -> Option<(Lead, Vec<Trace>)> {
        self.judge.rebuild(before, parts, suppressions)
    }

    fn opt_out_entries(&self, normalized: &NormalizedSubmission, reached: &[&Lead]) -> Vec<Suppression> {
        self.judge.opt_out_entries(normalized, reached)
    }

    fn consent_salt(&self, submission: &Submission) -> Salt {
        self.judge.consent_salt(submission)
    }

    fn suppression_keys_of_leads(&self, leads: &[Lead]) -> BTreeSet<SuppressionKey> {
        self.judge.suppression_keys_of_leads(leads)
    }

    fn suppression_keys_of_contact(
        &self,
        organization: OrganizationId,
        e164: Option<&str>,
        email: Option<&str>,
    ) -> Vec<SuppressionKey> {
        self.judge.suppression_keys_of_contact(organization, e164, email)
    }
}

/// A judge that pauses in its hook until the test resumes it.
pub(crate) struct PausedJudge {
    pub(crate) judge: Arc<dyn Judge>,
    resolved: Arc<AtomicUsize>,
    reached: mpsc::Receiver<()>,
    resume: mpsc::Sender<()>,
}

impl PausedJudge {
    pub(crate) fn new(judge: Arc<dyn Judge>) -> Self {
        let (arrived, reached) = mpsc::channel();
        let (resume, resumed) = mpsc::channel();
        let resumed = Mutex::new(resumed);
        let (judge, resolved) = HookedJudge::counting(judge, move |_| {
            arrived.send(()).unwrap();
            resumed.lock().unwrap().recv().unwrap();
        });
        Self { judge, resolved, reached, resume }
    }

    pub(crate) fn wait_until_paused(&self) {
        tokio::task::block_in_place(|| self.reached.recv()).unwrap();
    }

    pub(crate) fn resume(&self) {
        self.resume.send(()).unwrap();
    }

    /// How many times the batch was resolved: once, unless its transaction was retried.
    pub(crate) fn resolved(&self) -> usize {
        self.resolved.load(Ordering::Relaxed)
    }
}
