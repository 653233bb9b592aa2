//! A worker: its consumer tasks, its sweeps, and the snapshot of sources that they share.

use std::sync::Arc;
use std::time::Duration;

use leadgate_domain::{Judge, Phone};
use leadgate_pipeline::Pipeline;
use leadgate_queue::Queue;
use leadgate_store::{Directory, Store};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::backlog_age::BacklogAge;
use crate::commit::Committer;
use crate::consumer_task::ConsumerTask;
use crate::no_contact::NoContactLog;
use crate::rescreen_runner::RescreenRunner;
use crate::sweep::{self, IDEMPOTENCY_KEYS, RETENTION, SUPPRESSIONS};

/// How often the worker checks whether sources have changed.
const SNAPSHOT_POLL_INTERVAL: Duration = Duration::from_secs(2);

/// The settings of a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerConfig {
    /// Number of consumer tasks, and so of concurrent batches.
    pub concurrency: usize,
    /// Maximum number of unacknowledged messages of a consumer task.
    pub prefetch: usize,
    /// Maximum number of submissions in one transaction.
    pub batch: usize,
    /// How long a batch is retried while the database is unavailable.
    pub unavailable_timeout: Duration,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self { concurrency: 4, prefetch: 32, batch: 512, unavailable_timeout: Duration::from_secs(300) }
    }
}

/// The components that a worker uses.
pub struct WorkerDependencies {
    pub queue: Queue,
    pub store: Store,
    /// The worker refreshes it.
    pub directory: Arc<Directory>,
    /// Normalizes submissions before the transaction.
    pub pipeline: Arc<Pipeline>,
    /// Decides the outcomes inside the transaction. It is the same object as `pipeline`, except in failure tests.
    pub judge: Arc<dyn Judge>,
}

/// Consumes the queue until its stop token is cancelled.
pub struct Worker {
    queue: Queue,
    committer: Committer,
    backlog_age: BacklogAge,
    config: WorkerConfig,
}

impl Worker {
    /// Must be called within a tokio runtime.
    pub fn new(dependencies: WorkerDependencies, config: WorkerConfig, stop: CancellationToken) -> Self {
        let WorkerDependencies { queue, store, directory, pipeline, judge } = dependencies;
        let (reply_sender, unavailable_timeout) = (queue.reply_sender(), config.unavailable_timeout);
        let committer = Committer {
            rescreens: RescreenRunner::new(store.clone(), Arc::clone(&judge)),
            no_contact: NoContactLog::default(),
            splitter: Arc::default(),
            isolation_lock: Arc::default(),
            store,
            directory,
            pipeline,
            judge,
            reply_sender,
            unavailable_timeout,
            stop,
        };
        Self { queue, committer, backlog_age: BacklogAge::default(), config }
    }

    /// Creates a consumer task. A caller runs it, or calls [`ConsumerTask::run_once`] step by step.
    pub fn consumer_task(&self) -> ConsumerTask {
        ConsumerTask {
            consumer: self.queue.consumer(),
            committer: self.committer.clone(),
            prefetch: self.config.prefetch,
            batch: self.config.batch,
            backlog_age: self.backlog_age.clone(),
            current_batch: None,
        }
    }

    /// Runs all consumer tasks. Returns after each has finished its current batch.
    pub async fn run(self) {
        // Decodes the metadata of numbering plans now; otherwise the first lead would wait for it.
        tokio::task::spawn_blocking(|| Phone::parse("+1 650 253 0000", None).is_ok());
        let mut tasks = JoinSet::new();
        for _ in 0..self.config.concurrency.max(1) {
            tasks.spawn(self.consumer_task().run());
        }
        let (directory, stop) = (Arc::clone(&self.committer.directory), self.committer.stop.clone());
        let refresh = tokio::spawn(refresh_directory(directory, self.backlog_age.clone(), stop));
        let mut sweeps = self.sweeps();
        while let Some(ended) = tasks.join_next().await {
            if ended.is_err() && !self.committer.stop.is_cancelled() {
                // Dropping the consumer returned its deliveries to the broker; a new task receives them again.
                tracing::error!("consumer task crashed, starting another");
                tasks.spawn(self.consumer_task().run());
            }
        }
        refresh.abort();
        sweeps.abort_all();
    }

    fn sweeps(&self) -> JoinSet<()> {
        let Committer { store, judge, stop, .. } = self.committer.clone();
        let mut sweeps = JoinSet::new();
        let suppressions = move |store, _| sweep::suppressions(store, Arc::clone(&judge));
        sweeps.spawn(SUPPRESSIONS.run_periodically(store.clone(), stop.clone(), suppressions));
        sweeps.spawn(RETENTION.run_periodically(store.clone(), stop.clone(), sweep::retention));
        sweeps.spawn(IDEMPOTENCY_KEYS.run_periodically(store, stop, sweep::idempotency_keys));
        sweeps
    }
}

async fn refresh_directory(directory: Arc<Directory>, backlog_age: BacklogAge, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(SNAPSHOT_POLL_INTERVAL);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        backlog_age.record_gauge();
        if let Err(error) = directory.refresh().await {
            tracing::debug!("sources not refreshed: {error}");
        }
    }
}
