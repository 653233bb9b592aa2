//! Writes the audit entries of reads in the background, in batches.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use leadgate_domain::AuditEntry;
use leadgate_operations::ReadLog;
use leadgate_store::{Store, StoreError};
use metrics::{counter, gauge};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

/// The maximum delay before an entry is written, if the store is reachable.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// The maximum number of entries that are written at once.
const MAX_BATCH: usize = 256;

/// The maximum number of entries that wait while the store is unreachable, about 3 MB.
const CHANNEL_CAPACITY: usize = 10_000;

/// Accepts the entries of requests, without waiting.
#[derive(Clone)]
pub(crate) struct AuditSender {
    entries: Sender<AuditEntry>,
    lost: Arc<AtomicU64>,
}

/// Writes the entries that were sent.
pub(crate) struct AuditWriter {
    entries: Receiver<AuditEntry>,
    batch: Vec<AuditEntry>,
    lost: Arc<AtomicU64>,
    store: Store,
    store_timeout: Duration,
    is_store_reachable: bool,
}

impl AuditSender {
    pub(crate) fn new(store: Store, store_timeout: Duration) -> (Self, AuditWriter) {
        let (sender, entries) = mpsc::channel(CHANNEL_CAPACITY);
        let lost = Arc::new(AtomicU64::new(0));
        let audit = Self { entries: sender, lost: Arc::clone(&lost) };
        let batch = Vec::with_capacity(MAX_BATCH);
        (audit, AuditWriter { entries, batch, lost, store, store_timeout, is_store_reachable: true })
    }

    /// Adds an entry. If the channel is full, the entry is counted as lost.
    pub(crate) fn enqueue(&self, entry: AuditEntry) {
        if self.entries.try_send(entry).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A read never waits for the audit log.
impl ReadLog for AuditSender {
    async fn note_read(&self, entry: AuditEntry) -> Result<(), StoreError> {
        self.enqueue(entry);
        Ok(())
    }
}

impl AuditWriter {
    /// Writes entries until `done` is cancelled, and then the remaining ones.
    pub(crate) async fn run(mut self, done: &CancellationToken) {
        // Creates the metric, so that it can be monitored before the first loss.
        counter!("leadgate_gateway_audit_lost_total").increment(0);
        while done.run_until_cancelled(self.collect_batch()).await == Some(true) {
            if !self.write().await {
                done.run_until_cancelled(sleep(FLUSH_EVERY)).await;
            }
        }
        // The remaining entries get the same time limit as other calls of the store.
        let rest = timeout(self.store_timeout, async { while self.drain_channel() && self.write().await {} });
        let _ = rest.await;
        while let Ok(entry) = self.entries.try_recv() {
            self.batch.push(entry);
        }
        self.discard_batch();
        self.report_lost();
    }

    /// Waits for the first entry, and then up to one second for further ones. Returns false if the channel is
    /// closed.
    async fn collect_batch(&mut self) -> bool {
        if self.batch.is_empty() && self.entries.recv_many(&mut self.batch, MAX_BATCH).await == 0 {
            return false;
        }
        let deadline = Instant::now() + FLUSH_EVERY;
        while self.batch.len() < MAX_BATCH {
            let free = MAX_BATCH - self.batch.len();
            match timeout_at(deadline, self.entries.recv_many(&mut self.batch, free)).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        true
    }

    /// Takes the entries in the channel without waiting. Returns whether there is anything to write.
    fn drain_channel(&mut self) -> bool {
        while self.batch.len() < MAX_BATCH
            && let Ok(entry) = self.entries.try_recv()
        {
            self.batch.push(entry);
        }
        !self.batch.is_empty()
    }

    /// Writes the batch in one statement. After a failure the batch is kept and written again, which is
    /// idempotent. Returns false if it has to be retried.
    async fn write(&mut self) -> bool {
        let writing = timeout(self.store_timeout, self.store.record(self.batch.clone()));
        let written = match writing.await {
            Ok(Ok(())) => {
                counter!("leadgate_gateway_audit_written_total").increment(count(self.batch.len()));
                self.batch.clear();
                if !self.is_store_reachable {
                    tracing::info!("audit entries are written again");
                }
                true
            }
            Ok(Err(error)) if !error.is_transient() && error != StoreError::NotMigrated => {
                tracing::error!(%error, "audit entries rejected by the store, discarding them");
                self.discard_batch();
                true
            }
            Ok(Err(error)) => self.log_retry(&error.to_string()),
            Err(_) => self.log_retry("the store did not answer in time"),
        };
        self.is_store_reachable = written;
        gauge!("leadgate_gateway_audit_waiting").set(waiting(self.batch.len() + self.entries.len()));
        self.report_lost();
        written
    }

    fn log_retry(&self, error: &str) -> bool {
        if self.is_store_reachable {
            tracing::warn!(error, "audit entries cannot be written, retrying");
        }
        false
    }

    /// Discards the batch and counts its entries as lost.
    fn discard_batch(&mut self) {
        self.lost.fetch_add(count(self.batch.len()), Ordering::Relaxed);
        self.batch.clear();
    }

    /// Logs how many entries were lost since the last report.
    fn report_lost(&self) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            counter!("leadgate_gateway_audit_lost_total").increment(lost);
            tracing::error!(audit.lost = lost, "audit entries lost");
        }
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn waiting(length: usize) -> f64 {
    u32::try_from(length).map_or(f64::MAX, f64::from)
}

#[cfg(test)]
mod tests;
