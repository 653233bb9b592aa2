//! The embedded adapter: a SQLite file and one thread that owns it.

mod consumer;
mod filesystem;
mod in_flight;
mod queue_file;
mod rows;
mod write_batch;
mod writer;
mod writer_command;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use leadgate_domain::reply::ReplyAddress;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use consumer::ConsumerRegistry;
pub(crate) use consumer::EmbeddedConsumer;
use queue_file::QueueFile;
use writer::QueueWriter;
use writer_command::WriterCommand;
pub(crate) use writer_command::{EmbeddedAckHandle, WriterHandle};

use crate::admin::{ParkedMessage, ParkedSelection, QueueDepth};
use crate::config::{QueueConfig, Role};
use crate::error::{QueueError, QueueFailure};
use crate::replies::PendingReplies;
use crate::status::{QueueStatus, Readiness};
use crate::submission_group::GroupLimits;

/// A queue in a file. See the crate's README.
#[derive(Debug, Clone)]
pub(crate) struct EmbeddedQueue {
    writer: WriterHandle,
    readiness: Readiness,
    replies: Arc<PendingReplies>,
    consumers: Arc<ConsumerRegistry>,
    name: Arc<str>,
    stop: CancellationToken,
    shutdown_timeout: Duration,
}

impl EmbeddedQueue {
    pub(crate) async fn open(path: PathBuf, config: &QueueConfig, role: Role) -> Result<Self, QueueError> {
        let (writer, commands) = WriterHandle::new();
        let readiness = Readiness::not_ready(QueueFailure::Storage, "opening");
        let (limits, max_bytes) = (GroupLimits::new(config), config.max_file_bytes);
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let (opened, receiver) = oneshot::channel();
        let thread_readiness = readiness.clone();
        let start = move || {
            let writer = prepare(&path, role).and_then(|file| {
                QueueWriter::new(path.clone(), file, commands, thread_readiness, limits, max_bytes)
                    .map_err(|error| file_error(&path, error))
            });
            match writer {
                Ok(writer) => {
                    opened.send(Ok(())).ok();
                    writer.run();
                }
                Err(error) => _ = opened.send(Err(error)),
            }
        };
        let spawned = std::thread::Builder::new().name("leadgate-queue".to_owned()).spawn(start);
        spawned.map_err(|error| {
            QueueError::Interrupted(format!("the queue thread cannot be started: {error}"))
        })?;
        receiver.await.unwrap_or(Err(QueueError::Closed))?;
        readiness.set_ready();
        // Each process has a new address, because requests do not survive a restart.
        let replies = PendingReplies::new();
        replies.open(ReplyAddress::new(format!("{:032x}", rand::random::<u128>())));
        Ok(Self {
            writer,
            readiness,
            replies: Arc::new(replies),
            consumers: Arc::default(),
            name: name.into(),
            stop: CancellationToken::new(),
            shutdown_timeout: config.confirm_timeout,
        })
    }

    pub(crate) fn writer(&self) -> WriterHandle {
        self.writer.clone()
    }

    pub(crate) fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    pub(crate) fn consumer(&self) -> EmbeddedConsumer {
        EmbeddedConsumer::new(self.writer.clone(), Arc::clone(&self.consumers), self.stop.clone())
    }

    pub(crate) fn replies(&self) -> Arc<PendingReplies> {
        Arc::clone(&self.replies)
    }

    pub(crate) fn status(&self) -> QueueStatus {
        self.readiness.status()
    }

    pub(crate) async fn ready(&self) {
        self.readiness.ready().await;
    }

    pub(crate) async fn depth(&self) -> Result<QueueDepth, QueueError> {
        let mut depth = self.writer.call(WriterCommand::Depth).await?;
        if self.consumers.count() == 0 {
            depth.unconsumed.push(self.name.to_string());
        }
        Ok(depth)
    }

    pub(crate) async fn list_parked(&self, limit: usize) -> Result<Vec<ParkedMessage>, QueueError> {
        self.writer.call(|answer| WriterCommand::ListParked(limit, answer)).await
    }

    pub(crate) async fn replay_parked(&self, selection: ParkedSelection) -> Result<usize, QueueError> {
        self.writer.call(|answer| WriterCommand::ReplayParked(selection, answer)).await
    }

    pub(crate) async fn backup_to(&self, target: &std::path::Path) -> Result<(), QueueError> {
        self.writer.call(|answer| WriterCommand::Backup(target.to_path_buf(), answer)).await
    }

    pub(crate) fn stop_receiving(&self) {
        self.stop.cancel();
    }

    pub(crate) async fn shutdown(&self) {
        self.stop_receiving();
        self.readiness.set_not_ready(QueueFailure::Closed, "shutting down");
        self.replies.close();
        let (answer, receiver) = oneshot::channel();
        if self.writer.send(WriterCommand::Close(answer)).is_ok() {
            // Earlier publishes are answered before this. The time limit is for a file that hangs.
            timeout(self.shutdown_timeout, receiver).await.ok();
        }
    }
}

fn prepare(path: &std::path::Path, role: Role) -> Result<QueueFile, QueueError> {
    let mut file = QueueFile::open(path)?;
    if role.consumes() {
        file.count_redeliveries().map_err(|error| file_error(path, error))?;
        file.replay_newer().map_err(|error| file_error(path, error))?;
    }
    Ok(file)
}

fn file_error(path: &std::path::Path, error: queue_file::QueueFileError) -> QueueError {
    QueueError::File { path: path.display().to_string(), problem: error.text() }
}
