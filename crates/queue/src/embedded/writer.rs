//! The only thread that uses the file. It makes all waiting work durable in one transaction.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use leadgate_domain::Timestamp;
use tokio::sync::oneshot;

use super::in_flight::InFlightMessages;
use super::queue_file::{FileUsage, QueueFile, QueueFileError};
use super::write_batch::{UsageChange, WriteBatch, hand_out};
use super::writer_command::{ReceiveRequest, WriterCommand};
use crate::admin::QueueDepth;
use crate::error::{QueueError, QueueFailure};
use crate::raw_delivery::SettleResult;
use crate::status::Readiness;
use crate::submission_group::GroupLimits;

/// How often an idle thread checks for changes by other processes, and whether a failed file is usable again.
const TICK: Duration = Duration::from_millis(500);
/// Maximum number of commands in one transaction.
const COMMANDS_MAX: usize = 4_096;
/// Maximum number of messages that one transaction reads.
const ROWS_MAX: usize = 512;

pub(crate) struct QueueWriter {
    path: PathBuf,
    /// `None` after an error, until the file is open again.
    file: Option<QueueFile>,
    inbox: Receiver<WriterCommand>,
    readiness: Readiness,
    limits: GroupLimits,
    bytes_max: u64,
    in_flight: InFlightMessages,
    requests: Vec<ReceiveRequest>,
    usage: FileUsage,
    data_version: i64,
    /// Whether the write-ahead log may still contain deleted messages.
    log_holds_deleted: bool,
    healthy: bool,
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
        inbox: Receiver<WriterCommand>,
        readiness: Readiness,
        limits: GroupLimits,
        bytes_max: u64,
    ) -> Result<Self, QueueFileError> {
        let (usage, data_version) = (file.usage()?, file.data_version()?);
        let (in_flight, requests) = (InFlightMessages::new(), Vec::new());
        let file = Some(file);
        Ok(Self {
            path,
            file,
            inbox,
            readiness,
            limits,
            bytes_max,
            in_flight,
            requests,
            usage,
            data_version,
            log_holds_deleted: true,
            healthy: true,
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
        let mut command = match self.inbox.recv_timeout(TICK) {
            Ok(command) => command,
            Err(RecvTimeoutError::Timeout) => {
                self.check_file();
                return WriterStep::Batch;
            }
            Err(RecvTimeoutError::Disconnected) => return WriterStep::Close(None),
        };
        for _ in 1..COMMANDS_MAX {
            if let WriterStep::Close(answer) = self.apply_command(command, batch) {
                return WriterStep::Close(answer);
            }
            match self.inbox.try_recv() {
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
            WriterCommand::ReleaseConsumer(consumer) => self.in_flight.release(consumer),
            WriterCommand::Depth(answer) => _ = answer.send(self.depth()),
            WriterCommand::ParkedList(limit, answer) => {
                answer.send(self.with_file(|file| file.parked_list(limit))).ok();
            }
            WriterCommand::ParkedReplay(selection, answer) => {
                let replayed = self.with_file(|file| file.parked_replay(selection));
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
        batch.encode(self.bytes_max.saturating_sub(used));
        // The same commit also reads the messages that it publishes, so consumers do not wait for a second
        // one.
        let wanted = if self.in_flight.has_work() || batch.writes() { self.rows_wanted() } else { 0 };
        if self.healthy && !batch.writes() && self.in_flight.settled().is_empty() && wanted == 0 {
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
                self.requests = hand_out(committed.rows, requests, &mut self.in_flight);
            }
            Err(error) => {
                let cause = self.failed(error);
                batch.fail(&mut self.in_flight, cause);
            }
        }
    }

    fn rows_wanted(&self) -> usize {
        self.requests.iter().map(|request| request.max).fold(0, usize::saturating_add).min(ROWS_MAX)
    }

    /// Called when the thread is idle. Empties the write-ahead log of deleted messages, and checks for
    /// messages from other processes.
    fn check_file(&mut self) {
        let Some(file) = self.file.as_mut() else { return };
        if self.log_holds_deleted {
            self.log_holds_deleted = !matches!(file.empty_log(), Ok(true));
        }
        if let Ok(version) = file.data_version()
            && version != self.data_version
        {
            self.data_version = version;
            self.in_flight.more = true;
            self.recount();
        }
    }

    fn recount(&mut self) {
        self.in_flight.more = true;
        if let Some(Ok(usage)) = self.file.as_mut().map(QueueFile::usage) {
            self.usage = usage;
        }
    }

    fn count(&mut self, change: &UsageChange) {
        self.log_holds_deleted |= change.count_out > 0;
        self.usage.messages = (self.usage.messages + change.count_in).saturating_sub(change.count_out);
        self.usage.bytes = (self.usage.bytes + change.bytes_in).saturating_sub(change.bytes_out);
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
        if self.healthy {
            tracing::warn!(queue.reason = reason, "embedded queue refuses submissions");
        }
        self.healthy = false;
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
        if !self.healthy {
            tracing::warn!("embedded queue accepts submissions again");
            self.healthy = true;
            self.readiness.set_ready();
        }
    }

    fn depth(&mut self) -> Result<QueueDepth, QueueError> {
        let (in_flight, settled) = (self.in_flight.count(), self.in_flight.settled().len());
        let settled = u64::try_from(settled).unwrap_or(u64::MAX);
        let ready = self.usage.messages.saturating_sub(in_flight).saturating_sub(settled);
        self.with_file(|file| {
            let oldest_age = file.oldest()?.map(|at| Timestamp::now().since(at));
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
        for before in [0, COMMANDS_MAX - 2, COMMANDS_MAX - 1] {
            let (handle, inbox) = WriterHandle::new();
            for _ in 0..before {
                handle.send(WriterCommand::ReleaseConsumer(ConsumerId(0))).unwrap();
            }
            handle.send(WriterCommand::Close(oneshot::channel().0)).unwrap();
            let (file, readiness) =
                (QueueFile::open(&path).unwrap(), Readiness::not_ready(QueueFailure::Storage, ""));
            let limits = GroupLimits::new(&QueueConfig::new(""));
            let writer = QueueWriter::new(path.clone(), file, inbox, readiness, limits, 0);
            let mut writer = writer.unwrap_or_else(|error| panic!("{}", error.text()));
            let next = writer.collect_batch(&mut WriteBatch::default());
            assert!(matches!(next, WriterStep::Close(Some(_))), "after {before} commands");
        }
    }
}
