//! Commands for the writer thread, and the handles that send them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::admin::{ParkedMessage, ParkedSelection, QueueDepth};
use crate::error::QueueError;
use crate::raw_delivery::{ParkReason, RawDelivery, SettleResult};
use crate::submission_group::PendingSubmission;

pub(crate) enum WriterCommand {
    Publish(PendingSubmission),
    Receive(ReceiveRequest),
    Ack(DeliveryTag),
    Requeue(DeliveryTag),
    Park(DeliveryTag, ParkReason, oneshot::Sender<SettleResult>),
    /// Parks one submission of a message.
    ParkSubmission(Bytes, ParkReason, oneshot::Sender<SettleResult>),
    /// Requeues all messages of this consumer.
    RequeueAll(ConsumerId),
    Depth(oneshot::Sender<Result<QueueDepth, QueueError>>),
    ListParked(usize, oneshot::Sender<Result<Vec<ParkedMessage>, QueueError>>),
    ReplayParked(ParkedSelection, oneshot::Sender<Result<usize, QueueError>>),
    Backup(PathBuf, oneshot::Sender<Result<(), QueueError>>),
    Close(oneshot::Sender<()>),
}

/// Identifies a consumer until it requeues all its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ConsumerId(pub(crate) u64);

/// A message that was delivered to a consumer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeliveryTag {
    pub(crate) consumer: ConsumerId,
    pub(crate) id: i64,
}

/// A consumer that waits for messages.
pub(crate) struct ReceiveRequest {
    pub(crate) consumer: ConsumerId,
    pub(crate) max: usize,
    pub(crate) alive: ConsumerAlive,
    pub(crate) writer: WriterHandle,
    pub(crate) answer: oneshot::Sender<Vec<RawDelivery<EmbeddedAckHandle>>>,
}

/// Whether a consumer still has its messages.
#[derive(Debug, Clone)]
pub(crate) struct ConsumerAlive(Arc<AtomicBool>);

impl ConsumerAlive {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    pub(crate) fn end(&self) {
        self.0.store(false, Ordering::SeqCst);
    }

    fn is_alive(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Sends commands to the writer thread, which ends when all handles are dropped.
#[derive(Debug, Clone)]
pub(crate) struct WriterHandle(mpsc::Sender<WriterCommand>);

impl WriterHandle {
    pub(crate) fn new() -> (Self, mpsc::Receiver<WriterCommand>) {
        let (sender, commands) = mpsc::channel();
        (Self(sender), commands)
    }

    pub(crate) fn send(&self, command: WriterCommand) -> Result<(), QueueError> {
        self.0.send(command).map_err(|_| QueueError::Closed)
    }

    pub(crate) fn publish(&self, pending: PendingSubmission) -> Result<(), QueueError> {
        self.send(WriterCommand::Publish(pending))
    }

    /// Sends a command and waits for its result.
    pub(crate) async fn call<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, QueueError>>) -> WriterCommand,
    ) -> Result<T, QueueError> {
        let (answer, receiver) = oneshot::channel();
        self.send(command(answer))?;
        receiver.await.unwrap_or(Err(QueueError::Closed))
    }
}

/// Settles one message. Dropping it requeues the message, unless it was settled.
#[derive(Debug)]
pub(crate) struct EmbeddedAckHandle {
    tag: DeliveryTag,
    alive: ConsumerAlive,
    writer: WriterHandle,
    is_settled: bool,
}

impl EmbeddedAckHandle {
    pub(crate) fn new(tag: DeliveryTag, alive: ConsumerAlive, writer: WriterHandle) -> Self {
        Self { tag, alive, writer, is_settled: false }
    }

    /// Does not wait for the disk. An acknowledgement that is lost in a crash causes a redelivery.
    pub(crate) fn ack(mut self) -> SettleResult {
        self.is_settled = true;
        self.send(WriterCommand::Ack(self.tag))
    }

    pub(crate) async fn park(mut self, reason: ParkReason) -> SettleResult {
        self.is_settled = true;
        self.call(|answer| WriterCommand::Park(self.tag, reason, answer)).await
    }

    pub(crate) async fn park_submission(&self, submission: Bytes, reason: ParkReason) -> SettleResult {
        self.call(|answer| WriterCommand::ParkSubmission(submission, reason, answer)).await
    }

    async fn call(
        &self,
        command: impl FnOnce(oneshot::Sender<SettleResult>) -> WriterCommand,
    ) -> SettleResult {
        let (answer, receiver) = oneshot::channel();
        match self.send(command(answer)) {
            SettleResult::Settled => receiver.await.unwrap_or(SettleResult::Lost),
            SettleResult::Lost => SettleResult::Lost,
        }
    }

    fn send(&self, command: WriterCommand) -> SettleResult {
        if self.alive.is_alive() && self.writer.send(command).is_ok() {
            SettleResult::Settled
        } else {
            SettleResult::Lost
        }
    }
}

impl Drop for EmbeddedAckHandle {
    fn drop(&mut self) {
        if !self.is_settled {
            // If the thread has ended, the message stays in the file and is delivered after the next start.
            self.writer.send(WriterCommand::Requeue(self.tag)).ok();
        }
    }
}
