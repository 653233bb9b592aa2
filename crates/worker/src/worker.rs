//! A worker: its lanes, and the snapshot of sources that they share.

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

/// How often the worker looks whether sources changed.
const DIRECTORY_POLL: Duration = Duration::from_secs(2);

/// How a worker works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerConfig {
    /// Batches in flight at once.
    pub concurrency: usize,
    /// How many messages a lane holds at once.
    pub prefetch: usize,
    /// The most submissions that one transaction takes.
    pub batch: usize,
    /// For how long deliveries are held while the database is away.
    pub unavailable_timeout: Duration,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self { concurrency: 4, prefetch: 32, batch: 512, unavailable_timeout: Duration::from_secs(300) }
    }
}

/// What a worker works with.
pub struct WorkerDependencies {
    pub queue: Queue,
    pub store: Store,
    /// Refreshed by the worker.
    pub directory: Arc<Directory>,
    /// Normalizes, before the transaction.
    pub pipeline: Arc<Pipeline>,
    /// Judges, within it: the same pipeline, unless a test wants to see it fail.
    pub judge: Arc<dyn Judge>,
}

/// Consumes the queue until it is told to stop.
pub struct Worker {
    queue: Queue,
    committer: Committer,
    backlog_age: BacklogAge,
    config: WorkerConfig,
}

impl Worker {
    /// Must be called within a tokio runtime.
    pub fn new(parts: WorkerDependencies, config: WorkerConfig, stop: CancellationToken) -> Self {
        let WorkerDependencies { queue, store, directory, pipeline, judge } = parts;
        let (replier, hold_max) = (queue.replier(), config.unavailable_timeout);
        let committer = Committer {
            rescreens: RescreenRunner::new(store.clone(), Arc::clone(&judge)),
            no_contact: NoContactLog::default(),
            splitter: Arc::default(),
            alone: Arc::default(),
            store,
            directory,
            pipeline,
            judge,
            replier,
            unavailable_timeout: hold_max,
            stop,
        };
        Self { queue, committer, backlog_age: BacklogAge::default(), config }
    }

    /// One lane, to be run or to be stepped by hand.
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

    /// Runs all lanes. Returns when each has finished the batch it was at.
    pub async fn run(self) {
        // The metadata of numbering plans is decoded at first use: not under the first lead.
        tokio::task::spawn_blocking(|| Phone::parse("+1 650 253 0000", None).is_ok());
        let mut lanes = JoinSet::new();
        for _ in 0..self.config.concurrency.max(1) {
            lanes.spawn(self.consumer_task().run());
        }
        let (directory, stop) = (Arc::clone(&self.committer.directory), self.committer.stop.clone());
        let refresh = tokio::spawn(refresh_directory(directory, self.backlog_age.clone(), stop));
        let mut sweeps = self.sweeps();
        while let Some(ended) = lanes.join_next().await {
            if ended.is_err() && !self.committer.stop.is_cancelled() {
                // Its deliveries went back to the broker with its consumer; the work goes on in a new lane.
                tracing::error!("a lane crashed, starting another");
                lanes.spawn(self.consumer_task().run());
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

async fn refresh_directory(directory: Arc<Directory>, in_hand: BacklogAge, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(DIRECTORY_POLL);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        in_hand.record_gauge();
        if let Err(error) = directory.refresh().await {
            tracing::debug!("sources not refreshed: {error}");
        }
    }
}
