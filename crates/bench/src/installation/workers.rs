//! Starts and stops workers, and counts what was committed.

use std::time::{Duration, Instant};

use anyhow::ensure;
use leadgate_testkit::free_port;
use leadgate_testkit::logs::TestProcess;

use super::{BenchInstallation, PROCESS_TIMEOUT, Site};
use crate::load::{LoadConnection, get_request};
use crate::machine;

/// The pause between two looks at the counters.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Leads that are still missing when nothing was committed for this time are lost.
const STALLED: Duration = Duration::from_secs(60);

/// The counter of all committed submissions, one line for each outcome.
const COUNTER: &str = "leadgate_outcomes_total{";

/// A worker process.
#[derive(Debug)]
pub(crate) struct RunningWorker {
    process: TestProcess,
    address: String,
}

impl BenchInstallation {
    pub(crate) fn start_workers(&mut self, workers: usize) -> anyhow::Result<()> {
        for _ in 0..workers {
            let address = format!("127.0.0.1:{}", free_port()?);
            let mut command = self.programs.command("leadgate-worker", &[], &self.environment);
            command.env("LEADGATE_WORKER_LISTEN", &address);
            let process = TestProcess::spawn("bench-worker", &command)?;
            self.workers.push(RunningWorker { process, address });
        }
        Ok(())
    }

    /// Stops all workers, and returns the highest memory that one of them used, in MB.
    pub(crate) async fn stop_workers(&mut self) -> anyhow::Result<f64> {
        let mut peak: f64 = 0.0;
        for RunningWorker { process, address } in std::mem::take(&mut self.workers) {
            self.committed_before += committed_at(&address).await?;
            peak = peak.max(machine::peak_memory_mb(process.pid()?)?);
            process.terminate(PROCESS_TIMEOUT).await?;
        }
        Ok(peak)
    }

    /// The number of submissions that were committed.
    pub(crate) async fn committed(&self) -> anyhow::Result<u64> {
        let embedded = matches!(self.site, Site::Embedded).then_some(&self.address);
        let mut committed = self.committed_before;
        for address in self.workers.iter().map(|worker| &worker.address).chain(embedded) {
            committed += committed_at(address).await?;
        }
        Ok(committed)
    }

    /// Waits until all acknowledged submissions that are not dequeued are committed.
    ///
    /// # Errors
    /// When nothing was committed for a minute.
    pub(crate) async fn await_all_committed(&self) -> anyhow::Result<()> {
        let expected = u64::try_from(self.ledger.expected())?;
        let (mut last, mut changed) = (self.committed().await?, Instant::now());
        while last < expected {
            ensure!(changed.elapsed() < STALLED, "{last} of {expected} submissions were committed");
            tokio::time::sleep(POLL_INTERVAL).await;
            let committed = self.committed().await?;
            if committed != last {
                (last, changed) = (committed, Instant::now());
            }
        }
        Ok(())
    }
}

/// The sum of the counter of one process; zero while it is starting.
async fn committed_at(address: &str) -> anyhow::Result<u64> {
    let Ok(mut connection) = LoadConnection::open(address).await else { return Ok(0) };
    let (status, metrics) = connection.call(&get_request("/metrics")).await?;
    ensure!(status == 200, "the response to /metrics is {status}");
    let lines = std::str::from_utf8(metrics)?.lines().filter(|line| line.starts_with(COUNTER));
    let values = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
    Ok(values.sum())
}
