//! One batch into the store, whatever state the store is in.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use leadgate_domain::{
    CommitAction, Judge, NormalizedSubmission, QuarantineReason, Source, SourceId, Submission, Suppression,
    Trace,
};
use leadgate_operations::reread;
use leadgate_pipeline::Pipeline;
use leadgate_queue::Replier;
use leadgate_store::{BatchSplitter, CommitResult, Directory, Store, StoreError, StoreFailure};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::backoff::{BackoffDelay, RetryDeadline};
use crate::no_contact::NoContactLog;
use crate::replies::ReplyAddresses;
use crate::rescreen_runner::RescreenRunner;

/// Pauses between two attempts while the database is unavailable.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// After so many time-outs a try is not repeated: what is tried may itself be what takes so long.
const MOST_TIMEOUTS: u32 = 2;

/// How long an attempt may still take once the worker was told to stop. The batch of a longer one is given back; if its
/// transaction commits all the same, the delivery is recognized when it comes again.
const STOP_GRACE: Duration = Duration::from_secs(5);

type SourceMap = HashMap<SourceId, Arc<Source>>;

/// Why a batch is not settled. In both cases its deliveries still belong to the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommitFailure {
    /// The database was unavailable for too long, or the worker is stopping.
    Unavailable,
    /// Something panicked over it.
    Crashed,
}

/// Commits batches. Cheap to clone; every lane has one.
#[derive(Clone)]
pub(crate) struct Committer {
    pub(crate) store: Store,
    pub(crate) directory: Arc<Directory>,
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) judge: Arc<dyn Judge>,
    pub(crate) replier: Replier,
    pub(crate) rescreens: RescreenRunner,
    pub(crate) no_contact: NoContactLog,
    /// Shared by the lanes.
    pub(crate) splitter: Arc<BatchSplitter>,
    pub(crate) unavailable_timeout: Duration,
    pub(crate) stop: CancellationToken,
    /// Held while a submission is run alone; see [`crate::isolate`].
    pub(crate) alone: Arc<Mutex<()>>,
}

impl Committer {
    /// Normalizes and commits. On success every submission has its outcome.
    pub(crate) async fn commit(&self, submissions: Vec<Submission>) -> Result<(), CommitFailure> {
        let patience = self.retry_deadline();
        let batch = self.normalize(submissions, patience).await?;
        let mut parts = VecDeque::from(self.splitter.split(batch));
        let mut slow = None;
        while let Some(part) = parts.pop_front() {
            match (self.commit_part(&part, patience).await?, &part[..]) {
                (CommitAttempt::Done, _) => {}
                (CommitAttempt::TimedOut, [one]) if slow != Some(one.submission.id) => {
                    // The database may have been what was slow: the row is tried once more when the database answers.
                    slow = Some(one.submission.id);
                    _ = self.retry_while_unavailable(patience, || self.store.check()).await?;
                    parts.push_front(part);
                }
                (CommitAttempt::RowRefused | CommitAttempt::TimedOut, [one]) => {
                    let entries = opted_out(one, self.judge.as_ref());
                    self.quarantine(&one.submission, QuarantineReason::RowRefused, entries, patience).await?;
                }
                (CommitAttempt::RowRefused | CommitAttempt::TimedOut, part) => {
                    let (left, right) = part.split_at(part.len() / 2);
                    parts.push_front(Arc::from(right));
                    parts.push_front(Arc::from(left));
                }
            }
        }
        Ok(())
    }

    /// For a batch that begins now.
    pub(crate) fn retry_deadline(&self) -> RetryDeadline {
        RetryDeadline::new(self.unavailable_timeout)
    }

    /// Quarantines one that crashes the worker, without normalizing it once more. If it is an opt-out, its phone and
    /// email are read, unless `is_unread`; if they cannot be read, it waits for its release.
    pub(crate) async fn quarantine_crashed(
        &self,
        submission: &Submission,
        is_unread: bool,
        patience: RetryDeadline,
    ) -> Result<(), CommitFailure> {
        let reason = QuarantineReason::Crashed;
        if !is_unread && let Some(entries) = self.read_opt_out(submission, reason).await {
            match self.quarantine(submission, reason, entries, patience).await {
                Err(CommitFailure::Crashed) => {}
                settled => return settled,
            }
        }
        self.quarantine(submission, reason, Vec::new(), patience).await
    }

    /// What an opt-out suppresses, by its phone and its email alone. `None` if it panics.
    async fn read_opt_out(
        &self,
        submission: &Submission,
        reason: QuarantineReason,
    ) -> Option<Vec<Suppression>> {
        let (judge, mut submission) = (Arc::clone(&self.judge), submission.clone());
        let region = self.directory.source(submission.source).and_then(|source| source.default_region);
        submission.fields.phone_country = submission.fields.phone_country.or(region);
        let disposition = CommitAction::Quarantine(reason);
        let unread = NormalizedSubmission { submission, disposition, trace: Trace::default() };
        tokio::task::spawn_blocking(move || opted_out(&unread, judge.as_ref())).await.ok()
    }

    /// Quarantines one submission with the entries of its opt-out.
    async fn quarantine(
        &self,
        submission: &Submission,
        reason: QuarantineReason,
        entries: Vec<Suppression>,
        patience: RetryDeadline,
    ) -> Result<(), CommitFailure> {
        let entries: Arc<[Suppression]> = entries.into();
        let quarantine = || {
            let (entries, judge) = (Arc::clone(&entries), Arc::clone(&self.judge));
            self.store.quarantine_opt_out(submission.clone(), reason, entries, judge)
        };
        let committed = match self.retry_while_unavailable(patience, quarantine).await? {
            Ok(committed) => committed,
            Err(StoreError::Panicked) => return Err(CommitFailure::Crashed),
            Err(error) => {
                tracing::error!(submission.id = %submission.id, "quarantine refused: {error}");
                return Err(CommitFailure::Unavailable);
            }
        };
        tracing::warn!(submission.id = %submission.id, reason = reason.as_str(), "submission quarantined");
        metrics::counter!("leadgate_worker_quarantined_total", "reason" => reason.as_str()).increment(1);
        committed.pending.iter().for_each(|organization| self.rescreens.start(*organization));
        self.send_replies([submission], committed);
        Ok(())
    }

    /// Reads values on a thread of their own: a batch of phones is milliseconds of work.
    async fn normalize(
        &self,
        submissions: Vec<Submission>,
        patience: RetryDeadline,
    ) -> Result<Vec<NormalizedSubmission>, CommitFailure> {
        let sources = self.sources_of(&submissions, patience).await?;
        let (pipeline, known) = (Arc::clone(&self.pipeline), self.directory.snapshot());
        let normalize = move |submission: Submission| {
            let scoring = known.scoring(submission.organization);
            let source = sources.get(&submission.source).filter(|source| source.deleted_at.is_none());
            match source.cloned() {
                Some(source) if reread::needs_reread(&submission, &source) => {
                    let key = submission.client.key.as_ref().and_then(|id| known.key(id));
                    reread::normalize(submission, source, key.as_deref(), scoring, &pipeline)
                }
                source => pipeline.normalize(submission, source, scoring),
            }
        };
        let normalize_all = move || submissions.into_iter().map(normalize).collect();
        tokio::task::spawn_blocking(normalize_all).await.map_err(|_| CommitFailure::Crashed)
    }

    /// The sources by which these were read, at that revision or a later one; the latest, for what is released.
    /// One that is not among them is gone.
    async fn sources_of(
        &self,
        submissions: &[Submission],
        patience: RetryDeadline,
    ) -> Result<SourceMap, CommitFailure> {
        let known = |submission: &Submission| {
            let source = self.directory.source(submission.source);
            submission.release.is_none()
                && source.is_some_and(|source| source.revision >= submission.source_revision)
        };
        if !submissions.iter().all(known)
            && let Err(error) = self.retry_while_unavailable(patience, || self.directory.refresh()).await?
        {
            tracing::error!("sources cannot be read: {error}");
            return Err(CommitFailure::Unavailable);
        }
        let source =
            |submission: &Submission| Some((submission.source, self.directory.source(submission.source)?));
        Ok(submissions.iter().filter_map(source).collect())
    }

    async fn commit_part(
        &self,
        part: &Arc<[NormalizedSubmission]>,
        patience: RetryDeadline,
    ) -> Result<CommitAttempt, CommitFailure> {
        let started = Instant::now();
        let commit = || self.store.commit(Arc::clone(part), Arc::clone(&self.judge));
        let committed = self.retry_while_unavailable(patience, commit).await?;
        match committed {
            Ok(committed) => {
                record_metrics(part, &committed, started);
                self.no_contact.note(part, &committed);
                committed.pending.iter().for_each(|organization| self.rescreens.start(*organization));
                self.send_replies(part.iter().map(|normalized| &normalized.submission), committed);
                Ok(CommitAttempt::Done)
            }
            Err(StoreError::Panicked) => Err(CommitFailure::Crashed),
            Err(error) if error.failure() == Some(StoreFailure::Timeout) => {
                tracing::warn!(
                    batch.size = part.len(),
                    "batch timed out twice, looking for a slow row: {error}"
                );
                Ok(CommitAttempt::TimedOut)
            }
            Err(error) => {
                tracing::warn!(
                    batch.size = part.len(),
                    "batch failed; trying its parts to find the row: {error}"
                );
                Ok(CommitAttempt::RowRefused)
            }
        }
    }

    /// Sends replies for the settled submissions, except for those that an earlier delivery settled. Runs in a task of
    /// its own, so that acknowledgements do not wait for the look-up.
    fn send_replies<'s>(
        &self,
        submissions: impl IntoIterator<Item = &'s Submission>,
        committed: CommitResult,
    ) {
        let waiting = ReplyAddresses::of(submissions);
        if waiting.is_empty() {
            return;
        }
        let (store, replier) = (self.store.clone(), self.replier.clone());
        tokio::spawn(async move { waiting.send(&committed.settled, &store, &replier).await });
    }

    /// Waits as long as it takes, or until the worker is stopping.
    pub(crate) async fn wait_for_database(&self) {
        let answers = async || {
            matches!(
                self.retry_while_unavailable(self.retry_deadline(), || self.store.check()).await,
                Ok(Ok(()))
            )
        };
        while self.stop.run_until_cancelled(answers()).await == Some(false) {}
    }

    /// Completes when the worker was told to stop this long ago.
    async fn stopped_since(&self, grace: Duration) {
        self.stop.cancelled().await;
        tokio::time::sleep(grace).await;
    }

    /// Repeats what failed because the database is in trouble, which consumes no attempt of a submission, for as long
    /// as the batch may be held. What timed out twice is returned as it is.
    pub(crate) async fn retry_while_unavailable<T, F>(
        &self,
        patience: RetryDeadline,
        mut attempt: impl FnMut() -> F,
    ) -> Result<Result<T, StoreError>, CommitFailure>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut pauses = BackoffDelay::new(FIRST_PAUSE, LONGEST_PAUSE);
        let mut timeouts = 0;
        loop {
            let attempted = tokio::select! {
                attempted = attempt() => attempted,
                () = self.stopped_since(STOP_GRACE) => return Err(CommitFailure::Unavailable),
            };
            let error = match attempted {
                // An older schema ends with `leadgate migrate`, so the batch waits for it, too.
                Err(error) if error.is_transient() || error == StoreError::NotMigrated => error,
                settled => return Ok(settled),
            };
            let held = patience.elapsed().as_secs();
            if patience.is_expired() {
                tracing::warn!(
                    held.seconds = held,
                    "database still unavailable after worker.unavailable_timeout; releasing the batch to the queue: {error}"
                );
                return Err(CommitFailure::Unavailable);
            }
            timeouts += u32::from(error.failure() == Some(StoreFailure::Timeout));
            if timeouts >= MOST_TIMEOUTS {
                return Ok(Err(error));
            }
            if pauses.is_first() {
                tracing::warn!("database unavailable; holding the batch: {error}");
            }
            metrics::counter!("leadgate_worker_holds_total").increment(1);
            tokio::select! {
                () = tokio::time::sleep(pauses.next()) => {}
                () = self.stop.cancelled() => return Err(CommitFailure::Unavailable),
            }
        }
    }
}

fn opted_out(normalized: &NormalizedSubmission, judge: &dyn Judge) -> Vec<Suppression> {
    if normalized.is_opt_out() { judge.opt_out_entries(normalized, &[]) } else { Vec::new() }
}

enum CommitAttempt {
    Done,
    RowRefused,
    /// As often as a batch may.
    TimedOut,
}

fn record_metrics(part: &[NormalizedSubmission], committed: &CommitResult, started: Instant) {
    metrics::histogram!("leadgate_worker_commit_seconds").record(started.elapsed());
    metrics::histogram!("leadgate_worker_batch_size").record(u32::try_from(part.len()).unwrap_or(u32::MAX));
    metrics::counter!("leadgate_worker_repeated_total")
        .increment(u64::try_from(committed.repeated).unwrap_or(0));
    for settled in &committed.settled {
        metrics::counter!("leadgate_outcomes_total", "outcome" => settled.outcome.as_str()).increment(1);
    }
}
