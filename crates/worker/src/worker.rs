//! A worker: its lanes, and the snapshot of sources that they share.

use std::sync::Arc;
use std::time::Duration;

use leadgate_domain::{Judge, Phone};
use leadgate_pipeline::Pipeline;
use leadgate_queue::Queue;
use leadgate_store::{Directory, Store};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::commit::Committer;
use crate::in_hand::InHand;
use crate::lane::Lane;
use crate::no_contact::NoContactLog;
use crate::rescreens::Rescreens;
use crate::sweep::{self, IDEMPOTENCY_KEYS, RETENTION, SUPPRESSIONS};

/// How often the worker looks whether sources changed.
const DIRECTORY_POLL: Duration = Duration::from_secs(2);

/// How a worker works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerConfig {
    /// Batches in flight at once.
    pub lanes: usize,
    /// How many messages a lane holds at once.
    pub prefetch: usize,
    /// The most submissions that one transaction takes.
    pub batch: usize,
    /// For how long deliveries are held while the database is away.
    pub hold_max: Duration,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self { lanes: 4, prefetch: 32, batch: 512, hold_max: Duration::from_secs(300) }
    }
}

/// What a worker works with.
pub struct Parts {
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
    in_hand: InHand,
    config: WorkerConfig,
}

impl Worker {
    /// Must be called within a tokio runtime.
    pub fn new(parts: Parts, config: WorkerConfig, stop: CancellationToken) -> Self {
        let Parts { queue, store, directory, pipeline, judge } = parts;
        let (replier, hold_max) = (queue.replier(), config.hold_max);
        let committer = Committer {
            rescreens: Rescreens::new(store.clone(), Arc::clone(&judge)),
            no_contact: NoContactLog::default(),
            splitter: Arc::default(),
            alone: Arc::default(),
            store,
            directory,
            pipeline,
            judge,
            replier,
            hold_max,
            stop,
        };
        Self { queue, committer, in_hand: InHand::default(), config }
    }

    /// One lane, to be run or to be stepped by hand.
    pub fn lane(&self) -> Lane {
        Lane {
            consumer: self.queue.consumer(),
            committer: self.committer.clone(),
            prefetch: self.config.prefetch,
            batch: self.config.batch,
            in_hand: self.in_hand.clone(),
            at_hand: None,
        }
    }

    /// Runs all lanes. Returns when each has finished the batch it was at.
    pub async fn run(self) {
        // The metadata of numbering plans is decoded at first use: not under the first lead.
        tokio::task::spawn_blocking(|| Phone::parse("+1 650 253 0000", None).is_ok());
        let mut lanes = JoinSet::new();
        for _ in 0..self.config.lanes.max(1) {
            lanes.spawn(self.lane().run());
        }
        let (directory, stop) = (Arc::clone(&self.committer.directory), self.committer.stop.clone());
        let refresh = tokio::spawn(keep_fresh(directory, self.in_hand.clone(), stop));
        let mut sweeps = self.sweeps();
        while let Some(ended) = lanes.join_next().await {
            if ended.is_err() && !self.committer.stop.is_cancelled() {
                // Its deliveries went back to the broker with its consumer; the work goes on in a new lane.
                tracing::error!("a lane crashed, starting another");
                lanes.spawn(self.lane().run());
            }
        }
        refresh.abort();
        sweeps.abort_all();
    }

    fn sweeps(&self) -> JoinSet<()> {
        let Committer { store, judge, stop, .. } = self.committer.clone();
        let mut sweeps = JoinSet::new();
        let suppressions = move |store, _| sweep::suppressions(store, Arc::clone(&judge));
        sweeps.spawn(SUPPRESSIONS.keep(store.clone(), stop.clone(), suppressions));
        sweeps.spawn(RETENTION.keep(store.clone(), stop.clone(), sweep::retention));
        sweeps.spawn(IDEMPOTENCY_KEYS.keep(store, stop, sweep::idempotency_keys));
        sweeps
    }
}

async fn keep_fresh(directory: Arc<Directory>, in_hand: InHand, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(DIRECTORY_POLL);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        in_hand.note();
        if let Err(error) = directory.refresh().await {
            tracing::debug!("sources not refreshed: {error}");
        }
    }
}
