//! Commits a batch: retries while the store is unavailable, and isolates rows that it refuses.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use leadgate_domain::{
    CommitAction, Judge, NormalizedSubmission, QuarantineReason, Source, SourceId, Submission, Suppression,
    Trace,
};
use leadgate_operations::reread;
use leadgate_pipeline::Pipeline;
use leadgate_queue::ReplySender;
use leadgate_store::{BatchSplitter, CommitResult, Directory, Store, StoreError, StoreFailure};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::backoff::{BackoffDelay, RetryDeadline};
use crate::no_contact::NoContactLog;
use crate::replies::ReplyAddresses;
use crate::rescreen_runner::RescreenRunner;

/// Delays between attempts while the database is unavailable.
const MIN_DELAY: Duration = Duration::from_millis(50);
const MAX_DELAY: Duration = Duration::from_secs(2);

/// After this many time-outs, the attempt is not repeated: the statement itself may be too slow.
const MAX_TIMEOUTS: u32 = 2;

/// How long an attempt may still run after the stop of the worker. Then the batch is requeued; if its
/// transaction commits nevertheless, the store recognizes the redelivery.
const STOP_GRACE: Duration = Duration::from_secs(5);

type SourceMap = HashMap<SourceId, Arc<Source>>;

/// Why a batch is not settled. In both cases its deliveries stay unacknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommitFailure {
    /// The database was unavailable for too long, or the worker is stopping.
    Unavailable,
    /// The processing of the batch panicked.
    Crashed,
}

/// Commits batches. Cheap to clone; each consumer task has a clone.
#[derive(Clone)]
pub(crate) struct Committer {
    pub(crate) store: Store,
    pub(crate) directory: Arc<Directory>,
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) judge: Arc<dyn Judge>,
    pub(crate) reply_sender: ReplySender,
    pub(crate) rescreens: RescreenRunner,
    pub(crate) no_contact: NoContactLog,
    /// Shared by all consumer tasks.
    pub(crate) splitter: Arc<BatchSplitter>,
    pub(crate) unavailable_timeout: Duration,
    pub(crate) stop: CancellationToken,
    /// Locked while a submission is processed alone; see [`crate::isolate`].
    pub(crate) isolation_lock: Arc<Mutex<()>>,
}

impl Committer {
    /// Normalizes and commits the submissions. On success, every one has an outcome.
    pub(crate) async fn commit(&self, submissions: Vec<Submission>) -> Result<(), CommitFailure> {
        let deadline = self.retry_deadline();
        let batch = self.normalize(submissions, deadline).await?;
        let mut parts = VecDeque::from(self.splitter.split(batch));
        let mut slow = None;
        while let Some(part) = parts.pop_front() {
            match (self.commit_part(&part, deadline).await?, &part[..]) {
                (CommitAttempt::Done, _) => {}
                (CommitAttempt::TimedOut, [single]) if slow != Some(single.submission.id) => {
                    // The cause may be a slow database: the row is retried once, after the database answers.
                    slow = Some(single.submission.id);
                    _ = self.retry_while_unavailable(deadline, || self.store.check()).await?;
                    parts.push_front(part);
                }
                (CommitAttempt::RowRefused | CommitAttempt::TimedOut, [single]) => {
                    let entries = opt_out_entries(single, self.judge.as_ref());
                    self.quarantine(&single.submission, QuarantineReason::RowRefused, entries, deadline)
                        .await?;
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

    /// The deadline of a batch that starts now.
    pub(crate) fn retry_deadline(&self) -> RetryDeadline {
        RetryDeadline::new(self.unavailable_timeout)
    }

    /// Quarantines a submission that crashes the worker, without normalizing it again. The phone and the
    /// email of an opt-out are suppressed, unless `skip_opt_out` is set or reading them panics.
    pub(crate) async fn quarantine_crashed(
        &self,
        submission: &Submission,
        skip_opt_out: bool,
        deadline: RetryDeadline,
    ) -> Result<(), CommitFailure> {
        let reason = QuarantineReason::Crashed;
        if !skip_opt_out && let Some(entries) = self.read_opt_out(submission, reason).await {
            match self.quarantine(submission, reason, entries, deadline).await {
                Err(CommitFailure::Crashed) => {}
                settled => return settled,
            }
        }
        self.quarantine(submission, reason, Vec::new(), deadline).await
    }

    /// The entries that an opt-out adds for its phone and email. `None` if reading them panics.
    async fn read_opt_out(
        &self,
        submission: &Submission,
        reason: QuarantineReason,
    ) -> Option<Vec<Suppression>> {
        let (judge, mut submission) = (Arc::clone(&self.judge), submission.clone());
        let region = self.directory.source(submission.source).and_then(|source| source.default_region);
        submission.fields.phone_country = submission.fields.phone_country.or(region);
        let action = CommitAction::Quarantine(reason);
        let not_normalized = NormalizedSubmission { submission, action, trace: Trace::default() };
        tokio::task::spawn_blocking(move || opt_out_entries(&not_normalized, judge.as_ref())).await.ok()
    }

    /// Quarantines one submission and adds the entries of its opt-out.
    async fn quarantine(
        &self,
        submission: &Submission,
        reason: QuarantineReason,
        entries: Vec<Suppression>,
        deadline: RetryDeadline,
    ) -> Result<(), CommitFailure> {
        let entries: Arc<[Suppression]> = entries.into();
        let quarantine = || {
            let (entries, judge) = (Arc::clone(&entries), Arc::clone(&self.judge));
            self.store.quarantine_opt_out(submission.clone(), reason, entries, judge)
        };
        let committed = match self.retry_while_unavailable(deadline, quarantine).await? {
            Ok(committed) => committed,
            Err(StoreError::Panicked) => return Err(CommitFailure::Crashed),
            Err(error) => {
                tracing::error!(submission.id = %submission.id, "submission cannot be quarantined: {error}");
                return Err(CommitFailure::Unavailable);
            }
        };
        tracing::warn!(submission.id = %submission.id, reason = reason.as_str(), "submission quarantined");
        metrics::counter!("leadgate_worker_quarantined_total", "reason" => reason.as_str()).increment(1);
        committed.pending.iter().for_each(|organization| self.rescreens.start(*organization));
        self.send_replies([submission], committed);
        Ok(())
    }

    /// Normalizes on a blocking thread, because the phones of a batch take milliseconds.
    async fn normalize(
        &self,
        submissions: Vec<Submission>,
        deadline: RetryDeadline,
    ) -> Result<Vec<NormalizedSubmission>, CommitFailure> {
        let sources = self.current_sources(&submissions, deadline).await?;
        let (pipeline, snapshot) = (Arc::clone(&self.pipeline), self.directory.snapshot());
        let normalize = move |submission: Submission| {
            let scoring = snapshot.scoring(submission.organization);
            let source = sources.get(&submission.source).filter(|source| source.deleted_at.is_none());
            match source.cloned() {
                Some(source) if reread::needs_reread(&submission, &source) => {
                    let key = submission.client.key.as_ref().and_then(|id| snapshot.key(id));
                    reread::normalize(submission, source, key.as_deref(), scoring, &pipeline)
                }
                source => pipeline.normalize(submission, source, scoring),
            }
        };
        let normalize_all = move || submissions.into_iter().map(normalize).collect();
        tokio::task::spawn_blocking(normalize_all).await.map_err(|_| CommitFailure::Crashed)
    }

    /// Returns the sources of the submissions, each at the revision that the gateway used or a later one.
    /// Released submissions need the latest revision. A source that is not in the result has been deleted.
    async fn current_sources(
        &self,
        submissions: &[Submission],
        deadline: RetryDeadline,
    ) -> Result<SourceMap, CommitFailure> {
        let is_current = |submission: &Submission| {
            let source = self.directory.source(submission.source);
            submission.release.is_none()
                && source.is_some_and(|source| source.revision >= submission.source_revision)
        };
        if !submissions.iter().all(is_current)
            && let Err(error) = self.retry_while_unavailable(deadline, || self.directory.refresh()).await?
        {
            tracing::error!("sources cannot be refreshed: {error}");
            return Err(CommitFailure::Unavailable);
        }
        let source =
            |submission: &Submission| Some((submission.source, self.directory.source(submission.source)?));
        Ok(submissions.iter().filter_map(source).collect())
    }

    async fn commit_part(
        &self,
        part: &Arc<[NormalizedSubmission]>,
        deadline: RetryDeadline,
    ) -> Result<CommitAttempt, CommitFailure> {
        let started = Instant::now();
        let commit = || self.store.commit(Arc::clone(part), Arc::clone(&self.judge));
        let committed = self.retry_while_unavailable(deadline, commit).await?;
        match committed {
            Ok(committed) => {
                record_metrics(part, &committed, started);
                self.no_contact.record(part, &committed);
                committed.pending.iter().for_each(|organization| self.rescreens.start(*organization));
                self.send_replies(part.iter().map(|normalized| &normalized.submission), committed);
                Ok(CommitAttempt::Done)
            }
            Err(StoreError::Panicked) => Err(CommitFailure::Crashed),
            Err(error) if error.failure() == Some(StoreFailure::Timeout) => {
                tracing::warn!(batch.size = part.len(), "batch timed out twice, retrying in halves: {error}");
                Ok(CommitAttempt::TimedOut)
            }
            Err(error) => {
                tracing::warn!(batch.size = part.len(), "batch was refused, retrying in halves: {error}");
                Ok(CommitAttempt::RowRefused)
            }
        }
    }

    /// Sends replies for the settled submissions, except those that an earlier delivery settled. Runs in a
    /// separate task, so that acknowledgements do not wait for the look-up.
    fn send_replies<'s>(
        &self,
        submissions: impl IntoIterator<Item = &'s Submission>,
        committed: CommitResult,
    ) {
        let addresses = ReplyAddresses::from_submissions(submissions);
        if addresses.is_empty() {
            return;
        }
        let (store, reply_sender) = (self.store.clone(), self.reply_sender.clone());
        tokio::spawn(async move { addresses.send(&committed.settled, &store, &reply_sender).await });
    }

    /// Waits until the database answers or the worker stops.
    pub(crate) async fn wait_for_database(&self) {
        let answers = async || {
            matches!(
                self.retry_while_unavailable(self.retry_deadline(), || self.store.check()).await,
                Ok(Ok(()))
            )
        };
        while self.stop.run_until_cancelled(answers()).await == Some(false) {}
    }

    /// Completes `grace` after the stop of the worker.
    async fn stopped_since(&self, grace: Duration) {
        self.stop.cancelled().await;
        tokio::time::sleep(grace).await;
    }

    /// Retries while the database is unavailable, until the deadline of the batch. The retries do not count
    /// as attempts of a submission. Returns the error of an attempt that timed out twice.
    pub(crate) async fn retry_while_unavailable<T, F>(
        &self,
        deadline: RetryDeadline,
        mut attempt: impl FnMut() -> F,
    ) -> Result<Result<T, StoreError>, CommitFailure>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut backoff = BackoffDelay::new(MIN_DELAY, MAX_DELAY);
        let mut timeouts = 0;
        loop {
            let result = tokio::select! {
                result = attempt() => result,
                () = self.stopped_since(STOP_GRACE) => return Err(CommitFailure::Unavailable),
            };
            let error = match result {
                // `leadgate migrate` updates an older schema, so the batch waits for it, too.
                Err(error) if error.is_transient() || error == StoreError::NotMigrated => error,
                settled => return Ok(settled),
            };
            let elapsed = deadline.elapsed().as_secs();
            if deadline.is_expired() {
                tracing::warn!(
                    elapsed.seconds = elapsed,
                    "database still unavailable after worker.unavailable_timeout, requeueing the batch: {error}"
                );
                return Err(CommitFailure::Unavailable);
            }
            timeouts += u32::from(error.failure() == Some(StoreFailure::Timeout));
            if timeouts >= MAX_TIMEOUTS {
                return Ok(Err(error));
            }
            if backoff.is_first() {
                tracing::warn!("database unavailable, retrying the batch: {error}");
            }
            metrics::counter!("leadgate_worker_commit_retries_total").increment(1);
            tokio::select! {
                () = tokio::time::sleep(backoff.next()) => {}
                () = self.stop.cancelled() => return Err(CommitFailure::Unavailable),
            }
        }
    }
}

fn opt_out_entries(normalized: &NormalizedSubmission, judge: &dyn Judge) -> Vec<Suppression> {
    if normalized.is_opt_out() { judge.opt_out_entries(normalized, &[]) } else { Vec::new() }
}

enum CommitAttempt {
    Done,
    RowRefused,
    /// [`MAX_TIMEOUTS`] attempts timed out.
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
