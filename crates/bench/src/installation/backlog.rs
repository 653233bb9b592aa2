//! Full queues: measures workers alone, and gateway and workers at the rate that both sustain.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;

use super::BenchInstallation;
use super::workers::POLL_INTERVAL;
use crate::figures::float;
use crate::load::{End, LeadTemplate, Load, Pace};

const CONNECTIONS: usize = 64;
/// The largest backlog of a sustained load, in submissions: about a second of work.
const MAX_BACKLOG: u64 = 10_000;

/// The pause between two looks at the counters of a sustained load: seldom, because each costs the programs CPU.
const SUSTAINED_POLL_INTERVAL: Duration = Duration::from_millis(200);

/// What workers did with a full queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProcessedBacklog {
    /// Submissions per second, from the last moment without a commit to the last commit.
    pub(crate) rate: f64,
    /// The highest memory of one worker.
    pub(crate) memory_mb: f64,
}

impl BenchInstallation {
    /// Posts leads of people from `first_person` on while no worker runs; then starts workers and waits until all
    /// are committed. Without `first_person` the people are new.
    pub(crate) async fn process_backlog(
        &mut self,
        template: LeadTemplate,
        first_person: Option<u64>,
        leads: u64,
        workers: usize,
    ) -> anyhow::Result<ProcessedBacklog> {
        let before = self.committed().await?;
        let load = self.load(template, CONNECTIONS, End::Requests(leads));
        let report =
            self.post(Load { first_person: first_person.unwrap_or(load.first_person), ..load }).await?;
        ensure!(report.accepted > 0, "no lead was accepted: {:?}", report.refused);
        self.start_workers(workers)?;
        let waiting = Instant::now();
        let mut started = waiting;
        while self.committed().await? <= before {
            ensure!(waiting.elapsed() < super::PROCESS_TIMEOUT, "the workers commit nothing");
            started = Instant::now();
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        self.await_all_committed().await?;
        let rate = float(report.accepted) / started.elapsed().as_secs_f64();
        Ok(ProcessedBacklog { rate, memory_mb: self.stop_workers().await? })
    }

    /// Posts new leads as fast as they are committed: the gate opens for as many posts as were committed, and a
    /// limited backlog. Returns the committed submissions per second, after all are committed.
    pub(crate) async fn sustain(&mut self, end: End) -> anyhow::Result<f64> {
        let before = self.committed().await?;
        let gate = Arc::new(AtomicU64::new(MAX_BACKLOG));
        let load = self.load(self.template(), CONNECTIONS, end);
        let first_person = load.first_person;
        let started = Instant::now();
        let running = Load { pace: Pace::Gate(Arc::clone(&gate)), ..load }.run();
        tokio::pin!(running);
        let report = loop {
            tokio::select! {
                report = &mut running => break report?,
                () = tokio::time::sleep(SUSTAINED_POLL_INTERVAL) => {
                    let committed = self.committed().await?.saturating_sub(before);
                    gate.fetch_max(committed + MAX_BACKLOG, Ordering::Relaxed);
                }
            }
        };
        let rate = float(self.committed().await?.saturating_sub(before)) / started.elapsed().as_secs_f64();
        self.record(first_person, &report);
        self.await_all_committed().await?;
        Ok(rate)
    }
}
