//! The only thread that uses the file. It makes all waiting work durable in one transaction.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use leadgate_domain::Timestamp;
use tokio::sync::oneshot;

use super::in_flight::InFlightMessages;
use super::queue_file::{FileUsage, QueueFile, QueueFileError};
use super::write_batch::{UsageChange, WriteBatch, deliver_rows};
use super::writer_command::{ReceiveRequest, WriterCommand};
use crate::admin::QueueDepth;
use crate::error::{QueueError, QueueFailure};
use crate::raw_delivery::SettleResult;
use crate::status::Readiness;
use crate::submission_group::GroupLimits;

/// How often an idle thread checks for changes by other processes, and whether a failed file is usable again.
const IDLE_CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// Maximum number of commands in one transaction.
const MAX_COMMANDS: usize = 4_096;
/// Maximum number of messages that one transaction reads.
const MAX_ROWS: usize = 512;

pub(crate) struct QueueWriter {
    path: PathBuf,
    /// `None` after an error, until the file is open again.
    file: Option<QueueFile>,
    commands: Receiver<WriterCommand>,
    readiness: Readiness,
    limits: GroupLimits,
    max_bytes: u64,
    in_flight: InFlightMessages,
    requests: Vec<ReceiveRequest>,
    usage: FileUsage,
    data_version: i64,
    /// Whether the write-ahead log may still contain deleted messages.
    log_has_deleted: bool,
    is_healthy: bool,
}

/// Whether the thread continues after the batch.
enum WriterStep {
    Batch,
    Close(Option<oneshot::Sender<()>>),
}

impl QueueWriter {
    pub(crate) fn new(
        path: PathBuf,
        mut file: QueueFile,
        commands: Receiver<WriterCommand>,
        readiness: Readiness,
        limits: GroupLimits,
        max_bytes: u64,
    ) -> Result<Self, QueueFileError> {
        let (usage, data_version) = (file.usage()?, file.data_version()?);
        let (in_flight, requests) = (InFlightMessages::new(), Vec::new());
        let file = Some(file);
        Ok(Self {
            path,
            file,
            commands,
            readiness,
            limits,
            max_bytes,
            in_flight,
            requests,
            usage,
            data_version,
            log_has_deleted: true,
            is_healthy: true,
        })
    }

    pub(crate) fn run(mut self) {
        loop {
            let mut batch = WriteBatch::default();
            let next = self.collect_batch(&mut batch);
            self.commit(batch);
            if let WriterStep::Close(answer) = next {
                // Closed before the answer, because the caller may open the file again.
                self.file = None;
                answer.map(|answer| answer.send(()));
                return;
            }
        }
    }

    /// Waits for a command, then collects all commands that wait.
    fn collect_batch(&mut self, batch: &mut WriteBatch) -> WriterStep {
        let mut command = match self.commands.recv_timeout(IDLE_CHECK_INTERVAL) {
            Ok(command) => command,
            Err(RecvTimeoutError::Timeout) => {
                self.check_file();
                return WriterStep::Batch;
            }
            Err(RecvTimeoutError::Disconnected) => return WriterStep::Close(None),
        };
        for _ in 1..MAX_COMMANDS {
            if let WriterStep::Close(answer) = self.apply_command(command, batch) {
                return WriterStep::Close(answer);
            }
            match self.commands.try_recv() {
                Ok(next) => command = next,
                Err(_) => return WriterStep::Batch,
            }
        }
        self.apply_command(command, batch)
    }

    fn apply_command(&mut self, command: WriterCommand, batch: &mut WriteBatch) -> WriterStep {
        match command {
            WriterCommand::Publish(pending) => batch.publish(pending, &self.limits),
            WriterCommand::Receive(request) => self.requests.push(request),
            WriterCommand::Ack(tag) => _ = self.in_flight.ack(tag),
            WriterCommand::Requeue(tag) => self.in_flight.requeue(tag),
            WriterCommand::Park(tag, reason, answer) if self.in_flight.is_in_flight(tag) => {
                batch.park(tag, reason, answer)
            }
            WriterCommand::Park(_, _, answer) => _ = answer.send(SettleResult::Lost),
            WriterCommand::ParkSubmission(submission, reason, answer) => {
                batch.park_submission(submission, reason, answer)
            }
            WriterCommand::RequeueAll(consumer) => self.in_flight.requeue_all(consumer),
            WriterCommand::Depth(answer) => _ = answer.send(self.depth()),
            WriterCommand::ListParked(limit, answer) => {
                answer.send(self.with_file(|file| file.list_parked(limit))).ok();
            }
            WriterCommand::ReplayParked(selection, answer) => {
                let replayed = self.with_file(|file| file.replay_parked(selection));
                self.recount();
                answer.send(replayed).ok();
            }
            WriterCommand::Backup(target, answer) => {
                answer.send(self.with_file(|file| file.backup_to(&target))).ok();
            }
            WriterCommand::Close(answer) => return WriterStep::Close(Some(answer)),
        }
        WriterStep::Batch
    }

    fn commit(&mut self, mut batch: WriteBatch) {
        self.requests.retain(|request| !request.answer.is_closed());
        let used = self.usage.bytes.saturating_sub(self.in_flight.settled_bytes());
        batch.encode(self.max_bytes.saturating_sub(used));
        // The same commit also reads the messages that it publishes, so consumers do not wait for a second
        // one.
        let wanted = if self.in_flight.has_work() || batch.has_writes() { self.rows_wanted() } else { 0 };
        if self.is_healthy && !batch.has_writes() && self.in_flight.settled().is_empty() && wanted == 0 {
            return;
        }
        if self.file.is_none() {
            self.reopen();
        }
        let Some(file) = self.file.as_mut() else {
            batch.fail(&mut self.in_flight, QueueFailure::Storage);
            return;
        };
        match batch.commit(file, &self.in_flight, wanted) {
            Ok(committed) => {
                self.log_recovery();
                let change = batch.succeed(&mut self.in_flight, &committed);
                self.count(&change);
                let requests = std::mem::take(&mut self.requests);
                self.requests = deliver_rows(committed.rows, requests, &mut self.in_flight);
            }
            Err(error) => {
                let cause = self.failed(error);
                batch.fail(&mut self.in_flight, cause);
            }
        }
    }

    fn rows_wanted(&self) -> usize {
        self.requests.iter().map(|request| request.max).fold(0, usize::saturating_add).min(MAX_ROWS)
    }

    /// Called when the thread is idle. Empties the write-ahead log of deleted messages, and checks for
    /// messages from other processes.
    fn check_file(&mut self) {
        let Some(file) = self.file.as_mut() else { return };
        if self.log_has_deleted {
            self.log_has_deleted = !matches!(file.truncate_log(), Ok(true));
        }
        if let Ok(version) = file.data_version()
            && version != self.data_version
        {
            self.data_version = version;
            self.in_flight.may_have_more = true;
            self.recount();
        }
    }

    fn recount(&mut self) {
        self.in_flight.may_have_more = true;
        if let Some(Ok(usage)) = self.file.as_mut().map(QueueFile::usage) {
            self.usage = usage;
        }
    }

    fn count(&mut self, change: &UsageChange) {
        self.log_has_deleted |= change.messages_removed > 0;
        self.usage.messages =
            (self.usage.messages + change.messages_added).saturating_sub(change.messages_removed);
        self.usage.bytes = (self.usage.bytes + change.bytes_added).saturating_sub(change.bytes_removed);
    }

    fn failed(&mut self, error: QueueFileError) -> QueueFailure {
        let cause = match error {
            QueueFileError::Locked => QueueFailure::Locked,
            QueueFileError::Broken(_) => {
                self.file = None;
                QueueFailure::Storage
            }
        };
        let reason = format!("the queue file cannot be written: {}", error.text());
        if self.is_healthy {
            tracing::warn!(queue.reason = reason, "embedded queue refuses submissions");
        }
        self.is_healthy = false;
        self.readiness.set_not_ready(cause, &reason);
        cause
    }

    fn reopen(&mut self) {
        match QueueFile::open(&self.path) {
            Ok(file) => {
                metrics::counter!("leadgate_queue_reconnects_total", "link" => "file").increment(1);
                self.file = Some(file);
                // A commit whose sync failed may still be in the file.
                self.recount();
            }
            Err(error) => _ = self.readiness.set_not_ready(QueueFailure::Storage, &error.to_string()),
        }
    }

    fn log_recovery(&mut self) {
        if !self.is_healthy {
            tracing::warn!("embedded queue accepts submissions again");
            self.is_healthy = true;
            self.readiness.set_ready();
        }
    }

    fn depth(&mut self) -> Result<QueueDepth, QueueError> {
        let (in_flight, settled) = (self.in_flight.count(), self.in_flight.settled().len());
        let settled = u64::try_from(settled).unwrap_or(u64::MAX);
        let ready = self.usage.messages.saturating_sub(in_flight).saturating_sub(settled);
        self.with_file(|file| {
            let oldest_age = file.oldest_published_at()?.map(|at| Timestamp::now().since(at));
            let (all, newer) = (file.parked_count()?, file.newer_count()?);
            let parked = all.saturating_sub(newer);
            Ok(QueueDepth { ready, in_flight, parked, newer, oldest_age, unconsumed: Vec::new() })
        })
    }

    fn with_file<T>(
        &mut self,
        work: impl FnOnce(&mut QueueFile) -> Result<T, QueueFileError>,
    ) -> Result<T, QueueError> {
        if self.file.is_none() {
            self.reopen();
        }
        let Some(file) = self.file.as_mut() else {
            return Err(QueueError::Interrupted("the queue file cannot be opened".to_owned()));
        };
        work(file).map_err(|error| QueueError::Interrupted(format!("the queue file: {}", error.text())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::QueueConfig;
    use crate::embedded::writer_command::{ConsumerId, WriterHandle};
    use crate::error::QueueFailure;

    #[test]
    fn a_close_command_at_the_end_of_a_full_batch_ends_the_thread() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("queue.db");
        for before in [0, MAX_COMMANDS - 2, MAX_COMMANDS - 1] {
            let (handle, commands) = WriterHandle::new();
            for _ in 0..before {
                handle.send(WriterCommand::RequeueAll(ConsumerId(0))).unwrap();
            }
            handle.send(WriterCommand::Close(oneshot::channel().0)).unwrap();
            let (file, readiness) =
                (QueueFile::open(&path).unwrap(), Readiness::not_ready(QueueFailure::Storage, ""));
            let limits = GroupLimits::new(&QueueConfig::new(""));
            let writer = QueueWriter::new(path.clone(), file, commands, readiness, limits, 0);
            let mut writer = writer.unwrap_or_else(|error| panic!("{}", error.text()));
            let next = writer.collect_batch(&mut WriteBatch::default());
            assert!(matches!(next, WriterStep::Close(Some(_))), "after {before} commands");
        }
    }
}
