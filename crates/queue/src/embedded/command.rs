//! What the writer's thread can be asked for.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::group::Waiting;
use crate::publisher::Stopped;
use crate::{Delivery, Depth, ParkReason, Parked, QueueError, Selection, Settled};

pub(crate) enum Command {
    Publish(Waiting),
    Receive(Request),
    Ack(Place),
    GiveBack(Place),
    Park(Place, ParkReason, oneshot::Sender<Settled>),
    /// Parks a message that is part of another.
    ParkPart(Bytes, ParkReason, oneshot::Sender<Settled>),
    /// Everything that went to this lane comes back.
    Release(LaneId),
    Depth(oneshot::Sender<Result<Depth, QueueError>>),
    ParkedList(usize, oneshot::Sender<Result<Vec<Parked>, QueueError>>),
    ParkedReplay(Selection, oneshot::Sender<Result<usize, QueueError>>),
    Backup(PathBuf, oneshot::Sender<Result<(), QueueError>>),
    Close(oneshot::Sender<()>),
}

/// One lane between two releases: what it holds is given back as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct LaneId(pub(crate) u64);

/// A message in the hands of a lane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) lane: LaneId,
    pub(crate) id: i64,
}

/// A lane that waits for messages.
pub(crate) struct Request {
    pub(crate) lane: LaneId,
    pub(crate) max: usize,
    pub(crate) live: Live,
    pub(crate) writer: WriterHandle,
    pub(crate) answer: oneshot::Sender<Vec<Delivery>>,
}

/// Whether a lane still holds what it was handed.
#[derive(Debug, Clone)]
pub(crate) struct Live(Arc<AtomicBool>);

impl Live {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    pub(crate) fn end(&self) {
        self.0.store(false, Ordering::SeqCst);
    }

    pub(crate) fn holds(&self) -> bool {
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

    pub(crate) fn send(&self, command: Command) -> Result<(), Stopped> {
        self.0.send(command).map_err(|_| Stopped)
    }

    pub(crate) fn publish(&self, waiting: Waiting) -> Result<(), Stopped> {
        self.send(Command::Publish(waiting))
    }

    /// Asks for something that has an answer.
    pub(crate) async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, QueueError>>) -> Command,
    ) -> Result<T, QueueError> {
        let (answer, answered) = oneshot::channel();
        self.send(command(answer)).map_err(|Stopped| QueueError::Closed)?;
        answered.await.unwrap_or(Err(QueueError::Closed))
    }
}
