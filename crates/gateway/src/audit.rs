//! Reads, on their way into the audit log: gathered beside the requests, written many at once.

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

/// No entry waits for longer than this to be written, if the store answers.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// As many are written at once.
const MOST_AT_ONCE: usize = 256;

/// As many wait while the store is away; some 3 MB.
const CHANNEL_CAPACITY: usize = 10_000;

/// Where requests leave their entries. Nobody waits here.
#[derive(Clone)]
pub(crate) struct AuditSender {
    entries: Sender<AuditEntry>,
    lost: Arc<AtomicU64>,
}

/// Writes what requests left.
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
        let batch = Vec::with_capacity(MOST_AT_ONCE);
        (audit, AuditWriter { entries, batch, lost, store, store_timeout, is_store_reachable: true })
    }

    /// Leaves an entry of what was read. One for which there is no room is counted as lost.
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
    /// Writes until told that nobody leaves anything any more, and then what is left.
    pub(crate) async fn run(mut self, done: &CancellationToken) {
        // So that it can be watched before there is anything to see.
        counter!("leadgate_gateway_audit_lost_total").increment(0);
        while done.run_until_cancelled(self.collect_batch()).await == Some(true) {
            if !self.write().await {
                done.run_until_cancelled(sleep(FLUSH_EVERY)).await;
            }
        }
        // Nobody waits for the log longer than for any other thing that the store is asked for.
        let rest = timeout(self.store_timeout, async { while self.drain_channel() && self.write().await {} });
        let _ = rest.await;
        while let Ok(entry) = self.entries.try_recv() {
            self.batch.push(entry);
        }
        self.discard_batch();
        self.report_lost();
    }

    /// Waits for the first entry, and then for as many as fit or come within a moment. False if none can come.
    async fn collect_batch(&mut self) -> bool {
        if self.batch.is_empty() && self.entries.recv_many(&mut self.batch, MOST_AT_ONCE).await == 0 {
            return false;
        }
        let deadline = Instant::now() + FLUSH_EVERY;
        while self.batch.len() < MOST_AT_ONCE {
            let room = MOST_AT_ONCE - self.batch.len();
            match timeout_at(deadline, self.entries.recv_many(&mut self.batch, room)).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        true
    }

    /// Takes what is there without waiting; whether there is anything to write.
    fn drain_channel(&mut self) -> bool {
        while self.batch.len() < MOST_AT_ONCE
            && let Ok(entry) = self.entries.try_recv()
        {
            self.batch.push(entry);
        }
        !self.batch.is_empty()
    }

    /// One statement. What could not be written now is kept for the next time; writing it twice changes nothing.
    async fn write(&mut self) -> bool {
        let writing = timeout(self.store_timeout, self.store.record(self.batch.clone()));
        let written = match writing.await {
            Ok(Ok(())) => {
                counter!("leadgate_gateway_audit_written_total").increment(count(self.batch.len()));
                self.batch.clear();
                if !self.is_store_reachable {
                    tracing::info!("the audit log is written again");
                }
                true
            }
            Ok(Err(error)) if !error.is_transient() && error != StoreError::NotMigrated => {
                tracing::error!(%error, "the audit log refuses entries");
                self.discard_batch();
                true
            }
            Ok(Err(error)) => self.log_retry(&error.to_string()),
            Err(_) => self.log_retry("it does not answer in time"),
        };
        self.is_store_reachable = written;
        gauge!("leadgate_gateway_audit_waiting").set(waiting(self.batch.len() + self.entries.len()));
        self.report_lost();
        written
    }

    fn log_retry(&self, error: &str) -> bool {
        if self.is_store_reachable {
            tracing::warn!(error, "the audit log is not written; entries wait");
        }
        false
    }

    /// Counts what is at hand as lost.
    fn discard_batch(&mut self) {
        self.lost.fetch_add(count(self.batch.len()), Ordering::Relaxed);
        self.batch.clear();
    }

    /// Says how many were lost since it was said last.
    fn report_lost(&self) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            counter!("leadgate_gateway_audit_lost_total").increment(lost);
            tracing::error!(audit.lost = lost, "entries of the audit log were lost");
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
