//! What the writer's thread can be asked for, and by what.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::admin::{Depth, Parked, Selection};
use crate::error::QueueError;
use crate::group::Waiting;
use crate::raw_delivery::{ParkReason, RawDelivery, Settled};

pub(crate) enum Command {
    Publish(Waiting),
    Receive(Request),
    Ack(DeliveryTag),
    GiveBack(DeliveryTag),
    Park(DeliveryTag, ParkReason, oneshot::Sender<Settled>),
    /// Parks a message that is part of another.
    ParkPart(Bytes, ParkReason, oneshot::Sender<Settled>),
    /// Everything that this consumer was handed comes back.
    Release(ConsumerId),
    Depth(oneshot::Sender<Result<Depth, QueueError>>),
    ParkedList(usize, oneshot::Sender<Result<Vec<Parked>, QueueError>>),
    ParkedReplay(Selection, oneshot::Sender<Result<usize, QueueError>>),
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
pub(crate) struct Request {
    pub(crate) consumer: ConsumerId,
    pub(crate) max: usize,
    pub(crate) alive: ConsumerAlive,
    pub(crate) writer: WriterHandle,
    pub(crate) answer: oneshot::Sender<Vec<RawDelivery<AckHandle>>>,
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
pub(crate) struct WriterHandle(mpsc::Sender<Command>);

impl WriterHandle {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Command>) {
        let (sender, inbox) = mpsc::channel();
        (Self(sender), inbox)
    }

    pub(crate) fn send(&self, command: Command) -> Result<(), QueueError> {
        self.0.send(command).map_err(|_| QueueError::Closed)
    }

    pub(crate) fn publish(&self, waiting: Waiting) -> Result<(), QueueError> {
        self.send(Command::Publish(waiting))
    }

    /// Asks for something that has an answer.
    pub(crate) async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, QueueError>>) -> Command,
    ) -> Result<T, QueueError> {
        let (answer, answered) = oneshot::channel();
        self.send(command(answer))?;
        answered.await.unwrap_or(Err(QueueError::Closed))
    }
}

/// The right to settle one message. Dropping it gives the message back, unless it was settled.
#[derive(Debug)]
pub(crate) struct AckHandle {
    tag: DeliveryTag,
    alive: ConsumerAlive,
    writer: WriterHandle,
    is_settled: bool,
}

impl AckHandle {
    pub(crate) fn new(tag: DeliveryTag, alive: ConsumerAlive, writer: WriterHandle) -> Self {
        Self { tag, alive, writer, is_settled: false }
    }

    /// Does not wait for the disk: an ack that is lost in a crash only means a redelivery.
    pub(crate) fn ack(mut self) -> Settled {
        self.is_settled = true;
        self.send(Command::Ack(self.tag))
    }

    pub(crate) async fn park(mut self, why: ParkReason) -> Settled {
        self.is_settled = true;
        self.ask(|answer| Command::Park(self.tag, why, answer)).await
    }

    pub(crate) async fn park_part(&self, part: Bytes, why: ParkReason) -> Settled {
        self.ask(|answer| Command::ParkPart(part, why, answer)).await
    }

    async fn ask(&self, command: impl FnOnce(oneshot::Sender<Settled>) -> Command) -> Settled {
        let (answer, answered) = oneshot::channel();
        match self.send(command(answer)) {
            Settled::Done => answered.await.unwrap_or(Settled::Lost),
            Settled::Lost => Settled::Lost,
        }
    }

    fn send(&self, command: Command) -> Settled {
        if self.alive.is_alive() && self.writer.send(command).is_ok() { Settled::Done } else { Settled::Lost }
    }
}

impl Drop for AckHandle {
    fn drop(&mut self) {
        if !self.is_settled {
            // If the thread has ended, the message stays in the file for the next start.
            self.writer.send(Command::GiveBack(self.tag)).ok();
        }
    }
}
