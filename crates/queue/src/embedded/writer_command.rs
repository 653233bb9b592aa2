//! What the writer's thread can be asked for, and by what.

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
    /// Parks a message that is part of another.
    ParkSubmission(Bytes, ParkReason, oneshot::Sender<SettleResult>),
    /// Everything that this consumer was handed comes back.
    ReleaseConsumer(ConsumerId),
    Depth(oneshot::Sender<Result<QueueDepth, QueueError>>),
    ParkedList(usize, oneshot::Sender<Result<Vec<ParkedMessage>, QueueError>>),
    ParkedReplay(ParkedSelection, oneshot::Sender<Result<usize, QueueError>>),
    Backup(PathBuf, oneshot::Sender<Result<(), QueueError>>),
    Close(oneshot::Sender<()>),
}

/// A consumer between two releases: what it was handed is given back as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ConsumerId(pub(crate) u64);

/// A message that a consumer was handed.
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

/// Whether a consumer still holds what it was handed.
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

/// Talks to the writer's thread, which ends when all handles are gone.
#[derive(Debug, Clone)]
pub(crate) struct WriterHandle(mpsc::Sender<WriterCommand>);

impl WriterHandle {
    pub(crate) fn new() -> (Self, mpsc::Receiver<WriterCommand>) {
        let (sender, inbox) = mpsc::channel();
        (Self(sender), inbox)
    }

    pub(crate) fn send(&self, command: WriterCommand) -> Result<(), QueueError> {
        self.0.send(command).map_err(|_| QueueError::Closed)
    }

    pub(crate) fn publish(&self, waiting: PendingSubmission) -> Result<(), QueueError> {
        self.send(WriterCommand::Publish(waiting))
    }

    /// Asks for something that has an answer.
    pub(crate) async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, QueueError>>) -> WriterCommand,
    ) -> Result<T, QueueError> {
        let (answer, answered) = oneshot::channel();
        self.send(command(answer))?;
        answered.await.unwrap_or(Err(QueueError::Closed))
    }
}

/// The right to settle one message. Dropping it gives the message back, unless it was settled.
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

    /// Does not wait for the disk: an ack that is lost in a crash only means a redelivery.
    pub(crate) fn ack(mut self) -> SettleResult {
        self.is_settled = true;
        self.send(WriterCommand::Ack(self.tag))
    }

    pub(crate) async fn park(mut self, why: ParkReason) -> SettleResult {
        self.is_settled = true;
        self.ask(|answer| WriterCommand::Park(self.tag, why, answer)).await
    }

    pub(crate) async fn park_part(&self, part: Bytes, why: ParkReason) -> SettleResult {
        self.ask(|answer| WriterCommand::ParkSubmission(part, why, answer)).await
    }

    async fn ask(
        &self,
        command: impl FnOnce(oneshot::Sender<SettleResult>) -> WriterCommand,
    ) -> SettleResult {
        let (answer, answered) = oneshot::channel();
        match self.send(command(answer)) {
            SettleResult::Settled => answered.await.unwrap_or(SettleResult::Lost),
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
            // If the thread has ended, the message stays in the file for the next start.
            self.writer.send(WriterCommand::Requeue(self.tag)).ok();
        }
    }
}
