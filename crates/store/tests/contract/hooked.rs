//! The pipeline's judge with a hand in what it says, or a foot in the door.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use leadgate_domain::{
    BatchChanges, BatchResolution, Claim, ClaimKey, Judge, Lead, NormalizedSubmission, OrganizationId, Salt,
    Submission, Suppression, SuppressionKey, SuppressionMatches, Trace,
};

/// Runs a hook on what is about to be written: everything was read, nothing is committed.
pub(crate) struct Hooked<F> {
    judge: Arc<dyn Judge>,
    hook: F,
    /// How many batches were resolved; a transaction that is run again resolves its batch again.
    resolved: Arc<AtomicUsize>,
}

impl<F: Fn(&mut BatchChanges<'_>) + Send + Sync + 'static> Hooked<F> {
    pub(crate) fn judge(judge: Arc<dyn Judge>, hook: F) -> Arc<dyn Judge> {
        Self::counting(judge, hook).0
    }

    /// With the number of batches that were resolved.
    pub(crate) fn counting(judge: Arc<dyn Judge>, hook: F) -> (Arc<dyn Judge>, Arc<AtomicUsize>) {
        let resolved = Arc::new(AtomicUsize::new(0));
        (Arc::new(Self { judge, hook, resolved: Arc::clone(&resolved) }), resolved)
    }
}

impl<F: Fn(&mut BatchChanges<'_>) + Send + Sync> Judge for Hooked<F> {
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
        let mut effects = self.judge.judge(resolution, leads, list);
        (self.hook)(&mut effects);
        effects
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

/// A judge that says when it got to the hook, and waits there.
pub(crate) struct Gate {
    pub(crate) judge: Arc<dyn Judge>,
    resolved: Arc<AtomicUsize>,
    reached: mpsc::Receiver<()>,
    open: mpsc::Sender<()>,
}

impl Gate {
    pub(crate) fn new(judge: Arc<dyn Judge>) -> Self {
        let (arrived, reached) = mpsc::channel();
        let (open, opened) = mpsc::channel();
        let opened = Mutex::new(opened);
        let (judge, resolved) = Hooked::counting(judge, move |_| {
            arrived.send(()).unwrap();
            opened.lock().unwrap().recv().unwrap();
        });
        Self { judge, resolved, reached, open }
    }

    pub(crate) fn wait(&self) {
        tokio::task::block_in_place(|| self.reached.recv()).unwrap();
    }

    pub(crate) fn open(&self) {
        self.open.send(()).unwrap();
    }
    /// How many times the batch was resolved: once, unless its transaction was run again.
    pub(crate) fn resolved(&self) -> usize {
        self.resolved.load(Ordering::Relaxed)
    }
}
