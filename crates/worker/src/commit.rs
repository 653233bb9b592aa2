//! One batch into the store, whatever state the store is in.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use leadgate_domain::{Judge, Normalized, QuarantineReason, Source, SourceId, Submission};
use leadgate_pipeline::Pipeline;
use leadgate_queue::Replier;
use leadgate_store::{Committed, Directory, Store, StoreError};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::remap;
use crate::tell::Waiting;

/// The first pause after the database was away; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

type Sources = HashMap<SourceId, Arc<Source>>;

/// Why a batch is not settled. In both cases its deliveries still belong to the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsettled {
    /// The database was away for too long, or the worker is told to stop.
    Held,
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
    pub(crate) hold_max: Duration,
    pub(crate) stop: CancellationToken,
    /// Held while a submission is run alone; see [`crate::isolate`].
    pub(crate) alone: Arc<Mutex<()>>,
}

impl Committer {
    /// Normalizes and commits. On success every submission has its outcome.
    pub(crate) async fn commit(&self, submissions: Vec<Submission>) -> Result<(), Unsettled> {
        let batch = self.normalize(submissions).await?;
        let mut parts = vec![batch];
        while let Some(part) = parts.pop() {
            match self.commit_part(&part).await? {
                Verdict::Done => {}
                Verdict::RowAtFault if part.len() > 1 => {
                    let (left, right) = part.split_at(part.len() / 2);
                    parts.extend([Arc::from(right), Arc::from(left)]);
                }
                Verdict::RowAtFault => self.quarantine_all(&part, QuarantineReason::RowRefused).await?,
            }
        }
        Ok(())
    }

    /// Keeps submissions aside, each in a transaction of its own.
    async fn quarantine_all(&self, part: &[Normalized], reason: QuarantineReason) -> Result<(), Unsettled> {
        for normalized in part {
            self.quarantine(&normalized.submission, reason).await?;
        }
        Ok(())
    }

    pub(crate) async fn quarantine(
        &self,
        submission: &Submission,
        reason: QuarantineReason,
    ) -> Result<(), Unsettled> {
        tracing::warn!(submission.id = %submission.id, reason = reason.as_str(), "submission quarantined");
        metrics::counter!("leadgate_worker_quarantined_total", "reason" => reason.as_str()).increment(1);
        let stored = self.hold(|| self.store.quarantine_alone(submission.clone(), reason)).await?;
        let committed = stored.map_err(|error| {
            tracing::error!(submission.id = %submission.id, "quarantine refused: {error}");
            Unsettled::Held
        })?;
        self.tell([submission], committed);
        Ok(())
    }

    /// Reads values on a thread of their own: a batch of phones is milliseconds of work.
    async fn normalize(&self, submissions: Vec<Submission>) -> Result<Arc<[Normalized]>, Unsettled> {
        let sources = self.sources_of(&submissions).await?;
        let (pipeline, known) = (Arc::clone(&self.pipeline), self.directory.snapshot());
        let normalize = move |submission: Submission| {
            let scoring = known.scoring(submission.organization);
            match sources.get(&submission.source).cloned() {
                Some(source) if remap::is_due(&submission, &source) => {
                    let key = submission.client.key.as_ref().and_then(|id| known.key(id));
                    remap::normalize(submission, source, key.as_deref(), scoring, &pipeline)
                }
                source => pipeline.normalize(submission, source, scoring),
            }
        };
        let normalize_all = move || submissions.into_iter().map(normalize).collect();
        tokio::task::spawn_blocking(normalize_all).await.map_err(|_| Unsettled::Crashed)
    }

    /// The sources by which these were read, at that revision or a later one; the latest, for what is released.
    /// One that is not among them is gone.
    async fn sources_of(&self, submissions: &[Submission]) -> Result<Sources, Unsettled> {
        let known = |submission: &Submission| {
            let source = self.directory.source(submission.source);
            submission.release.is_none()
                && source.is_some_and(|source| source.revision >= submission.source_revision)
        };
        if !submissions.iter().all(known)
            && let Err(error) = self.hold(|| self.directory.refresh()).await?
        {
            tracing::error!("sources cannot be read: {error}");
            return Err(Unsettled::Held);
        }
        let source =
            |submission: &Submission| Some((submission.source, self.directory.source(submission.source)?));
        Ok(submissions.iter().filter_map(source).collect())
    }

    async fn commit_part(&self, part: &Arc<[Normalized]>) -> Result<Verdict, Unsettled> {
        let started = Instant::now();
        let committed = self.hold(|| self.store.commit(Arc::clone(part), Arc::clone(&self.judge))).await?;
        match committed {
            Ok(committed) => {
                report(part, &committed, started);
                self.rescreen(&committed);
                self.tell(part.iter().map(|normalized| &normalized.submission), committed);
                Ok(Verdict::Done)
            }
            Err(StoreError::Panicked) => Err(Unsettled::Crashed),
            Err(error) => {
                tracing::warn!(batch.size = part.len(), "batch refused, looking for the row: {error}");
                Ok(Verdict::RowAtFault)
            }
        }
    }

    /// Nobody's acknowledgement waits for very many leads to learn of an opt-out. If this ends early a sweep does it.
    fn rescreen(&self, committed: &Committed) {
        for organization in committed.pending.iter().copied() {
            let (store, judge) = (self.store.clone(), Arc::clone(&self.judge));
            tokio::spawn(async move {
                if let Err(error) = store.rescreen(organization, judge, |_| {}).await {
                    tracing::warn!(%organization, "stored leads have yet to learn of an opt-out: {error}");
                }
            });
        }
    }

    /// Those that were settled before, by another delivery, were told of then. A task of its own: nobody's
    /// acknowledgement waits for a look-up that somebody else waits for.
    fn tell<'s>(&self, submissions: impl IntoIterator<Item = &'s Submission>, committed: Committed) {
        let waiting = Waiting::of(submissions);
        if waiting.is_empty() {
            return;
        }
        let (store, replier) = (self.store.clone(), self.replier.clone());
        tokio::spawn(async move { waiting.tell(&committed.settled, &store, &replier).await });
    }

    /// Waits as long as it takes, or until the worker is told to stop.
    pub(crate) async fn until_database_answers(&self) {
        while !self.stop.is_cancelled() && !matches!(self.hold(|| self.store.check()).await, Ok(Ok(()))) {}
    }

    /// Repeats what failed because the database is in trouble, which is nobody's fault and consumes nobody's
    /// attempts, for as long as deliveries may be held.
    pub(crate) async fn hold<T, F>(
        &self,
        mut attempt: impl FnMut() -> F,
    ) -> Result<Result<T, StoreError>, Unsettled>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let since = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match attempt().await {
                // A schema that is behind is nobody's fault either: whoever migrates it ends the wait.
                Err(error) if error.is_transient() || error == StoreError::NotMigrated => error,
                settled => return Ok(settled),
            };
            if since.elapsed() >= self.hold_max {
                tracing::warn!(
                    held.seconds = since.elapsed().as_secs(),
                    "database still away, giving back: {error}"
                );
                return Err(Unsettled::Held);
            }
            if pause == FIRST_PAUSE {
                tracing::warn!("database in trouble, holding: {error}");
            }
            metrics::counter!("leadgate_worker_holds_total").increment(1);
            tokio::select! {
                () = tokio::time::sleep(jittered(pause)) => {}
                () = self.stop.cancelled() => return Err(Unsettled::Held),
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

enum Verdict {
    Done,
    RowAtFault,
}

/// Half to all of the pause, so that workers do not come back in step.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.5..=1.0))
}

fn report(part: &[Normalized], committed: &Committed, started: Instant) {
    metrics::histogram!("leadgate_worker_commit_seconds").record(started.elapsed());
    metrics::histogram!("leadgate_worker_batch_size").record(u32::try_from(part.len()).unwrap_or(u32::MAX));
    metrics::counter!("leadgate_worker_repeated_total")
        .increment(u64::try_from(committed.repeated).unwrap_or(0));
    for settled in &committed.settled {
        metrics::counter!("leadgate_outcomes_total", "outcome" => settled.outcome.as_str()).increment(1);
    }
}
