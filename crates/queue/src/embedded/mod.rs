//! The embedded adapter: a SQLite file and one thread that owns it.

mod command;
mod file;
mod filesystem;
mod reading;
mod rows;
mod turn;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;

use leadgate_domain::reply::ReplyAddress;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub(crate) use command::WriterHandle;
use command::{Command, LaneId, Live, Place, Request};
use file::File;
use writer::Writer;

use crate::admin::LastDepth;
use crate::consumer::Lane;
use crate::group::Limits;
use crate::publisher::{Line, Stopped};
use crate::replier::Way;
use crate::replies::Waiters;
use crate::status::Gate;
use crate::{
    Cause, Consumer, Depth, ParkReason, Parked, Publisher, QueueConfig, QueueError, Received, Replier,
    Replies, Role, Selection, Settled, Status,
};

/// A queue in a file. See the crate's README.
#[derive(Debug, Clone)]
pub struct Embedded {
    writer: WriterHandle,
    publisher: Publisher,
    gate: Gate,
    lanes: Arc<AtomicU64>,
    waiters: Arc<Waiters>,
    /// How many there are in this process.
    consumers: Arc<AtomicUsize>,
    name: Arc<str>,
    last_depth: LastDepth,
    stop: CancellationToken,
    shutdown_timeout: Duration,
}

impl Embedded {
    pub(crate) async fn open(path: PathBuf, config: QueueConfig, role: Role) -> Result<Self, QueueError> {
        let (writer, inbox) = WriterHandle::new();
        let gate = Gate::shut(Cause::Storage, "opening");
        let (limits, bytes_max) = (Limits::new(&config), config.max_bytes);
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let (opened, opening) = oneshot::channel();
        let thread_gate = gate.clone();
        let start = move || {
            let writer = prepare(&path, role).and_then(|file| {
                Writer::new(path.clone(), file, inbox, thread_gate, limits, bytes_max)
                    .map_err(|fault| fault_at(&path, fault))
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
        spawned.map_err(|error| QueueError::Interrupted(format!("no thread for the queue: {error}")))?;
        opening.await.unwrap_or(Err(QueueError::Closed))?;
        gate.open();
        let publisher = Publisher::new(Line::Embedded(writer.clone()), gate.clone(), &config);
        let stop = CancellationToken::new();
        // A new address in every process: publishes from before a restart have no waiting request left.
        let waiters = Waiters::new();
        waiters.open(ReplyAddress::new(format!("{:032x}", rand::random::<u128>())));
        Ok(Self {
            writer,
            publisher,
            gate,
            lanes: Arc::default(),
            waiters: Arc::new(waiters),
            consumers: Arc::default(),
            name: name.into(),
            last_depth: LastDepth::default(),
            stop,
            shutdown_timeout: config.confirm_timeout,
        })
    }

    pub(crate) fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }

    pub(crate) fn consumer(&self) -> Consumer {
        let lane = self.next_lane();
        self.consumers.fetch_add(1, Ordering::Relaxed);
        let reader = Reader {
            writer: self.writer.clone(),
            lanes: Arc::clone(&self.lanes),
            lane,
            live: Live::new(),
            stop: self.stop.clone(),
            consumers: Arc::clone(&self.consumers),
        };
        Consumer::new(Lane::Embedded(reader))
    }

    pub(crate) fn replies(&self) -> Replies {
        Replies::new(Arc::clone(&self.waiters))
    }

    pub(crate) fn replier(&self) -> Replier {
        Replier::new(Way::Embedded(Arc::clone(&self.waiters)))
    }

    fn next_lane(&self) -> LaneId {
        LaneId(self.lanes.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn status(&self) -> Status {
        self.gate.status()
    }

    pub(crate) async fn ready(&self) {
        self.gate.opened().await;
    }

    pub(crate) async fn depth(&self) -> Result<Depth, QueueError> {
        let mut depth = self.writer.ask(Command::Depth).await?;
        if self.consumers.load(Ordering::Relaxed) == 0 {
            depth.unconsumed.push(self.name.to_string());
        }
        Ok(depth)
    }

    pub(crate) fn last_depth(&self) -> &LastDepth {
        &self.last_depth
    }

    pub(crate) async fn parked_list(&self, limit: usize) -> Result<Vec<Parked>, QueueError> {
        self.writer.ask(|answer| Command::ParkedList(limit, answer)).await
    }

    pub(crate) async fn parked_replay(&self, selection: Selection) -> Result<usize, QueueError> {
        self.writer.ask(|answer| Command::ParkedReplay(selection, answer)).await
    }

    pub(crate) async fn backup_to(&self, target: &std::path::Path) -> Result<(), QueueError> {
        self.writer.ask(|answer| Command::Backup(target.to_path_buf(), answer)).await
    }

    pub(crate) fn stop_receiving(&self) {
        self.stop.cancel();
    }

    pub(crate) async fn shutdown(&self) {
        self.stop_receiving();
        self.gate.close(Cause::Closed, "shutting down");
        self.waiters.close();
        let (answer, answered) = oneshot::channel();
        if self.writer.send(Command::Close(answer)).is_ok() {
            // What was published before is answered before; a file that hangs is not waited for.
            timeout(self.shutdown_timeout, answered).await.ok();
        }
    }
}

fn prepare(path: &std::path::Path, role: Role) -> Result<File, QueueError> {
    let mut file = File::open(path)?;
    if role.consumes() {
        file.count_start().map_err(|fault| fault_at(path, fault))?;
        file.replay_newer().map_err(|fault| fault_at(path, fault))?;
    }
    Ok(file)
}

fn fault_at(path: &std::path::Path, fault: file::Fault) -> QueueError {
    QueueError::File { path: path.display().to_string(), problem: fault.text() }
}

/// A consumer's lane.
#[derive(Debug)]
pub(crate) struct Reader {
    writer: WriterHandle,
    lanes: Arc<AtomicU64>,
    lane: LaneId,
    live: Live,
    stop: CancellationToken,
    consumers: Arc<AtomicUsize>,
}

impl Reader {
    pub(crate) async fn receive(&mut self, max: usize) -> Received {
        if self.stop.is_cancelled() {
            return Received::Stopped;
        }
        let (answer, answered) = oneshot::channel();
        let (lane, live, writer) = (self.lane, self.live.clone(), self.writer.clone());
        if self.writer.send(Command::Receive(Request { lane, max, live, writer, answer })).is_err() {
            return Received::Stopped;
        }
        tokio::select! {
            deliveries = answered => deliveries.map_or(Received::Stopped, Received::Deliveries),
            () = self.stop.cancelled() => Received::Stopped,
        }
    }

    pub(crate) fn release(&mut self) {
        self.live.end();
        // If the thread is gone, so is what was handed out.
        self.writer.send(Command::Release(self.lane)).ok();
        self.lane = LaneId(self.lanes.fetch_add(1, Ordering::Relaxed));
        self.live = Live::new();
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.consumers.fetch_sub(1, Ordering::Relaxed);
        self.release();
    }
}

/// The right to settle one message.
#[derive(Debug)]
pub(crate) struct Ticket {
    place: Place,
    live: Live,
    writer: WriterHandle,
}

impl Ticket {
    fn new(place: Place, live: Live, writer: WriterHandle) -> Self {
        Self { place, live, writer }
    }

    /// Does not wait for the disk: an ack that is lost in a crash only means a redelivery.
    pub(crate) fn ack(self) -> Settled {
        self.settle(Command::Ack(self.place))
    }

    pub(crate) async fn park(self, why: ParkReason) -> Settled {
        let (answer, answered) = oneshot::channel();
        match self.settle(Command::Park(self.place, why, answer)) {
            Settled::Done => answered.await.unwrap_or(Settled::Lost),
            Settled::Lost => Settled::Lost,
        }
    }

    pub(crate) async fn park_part(&self, part: Bytes, why: ParkReason) -> Settled {
        let (answer, answered) = oneshot::channel();
        match self.settle(Command::ParkPart(part, why, answer)) {
            Settled::Done => answered.await.unwrap_or(Settled::Lost),
            Settled::Lost => Settled::Lost,
        }
    }

    pub(crate) fn give_back(self) {
        // If the thread has ended, the message stays in the file for the next start.
        self.writer.send(Command::GiveBack(self.place)).ok();
    }

    fn settle(&self, command: Command) -> Settled {
        if !self.live.holds() {
            return Settled::Lost;
        }
        match self.writer.send(command) {
            Ok(()) => Settled::Done,
            Err(Stopped) => Settled::Lost,
        }
    }
}
