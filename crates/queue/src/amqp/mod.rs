//! The RabbitMQ adapter.

use bytes::Bytes;

use crate::group::Waiting;
use crate::publisher::{Line, Stopped};
use crate::status::Gate;
use crate::{
    Cause, Consumer, Depth, ParkReason, Parked, Publisher, QueueConfig, QueueError, Received, Role,
    Selection, Settled, Status,
};

#[derive(Debug, Clone)]
pub struct Amqp {
    publisher: Publisher,
    gate: Gate,
}

/// Declares what a queue of `shards` shards consists of. The only place that does.
///
/// # Errors
/// When the broker does not answer, or holds something of that name that is of another kind.
pub async fn declare_topology(_url: &str, _shards: u16) -> Result<(), QueueError> {
    Err(QueueError::Closed)
}

impl Amqp {
    pub(crate) fn open(_uri: lapin::uri::AMQPUri, config: QueueConfig, _role: Role) -> Self {
        let gate = Gate::shut(Cause::Disconnected, "not connected yet");
        Self { publisher: Publisher::new(Line::Amqp(LineHandle), gate.clone(), &config), gate }
    }
    pub(crate) fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }
    pub(crate) fn consumer(&self) -> Consumer {
        Consumer::new(crate::consumer::Lane::Amqp(LaneHandle))
    }
    pub(crate) fn status(&self) -> Status {
        self.gate.status()
    }
    pub(crate) async fn ready(&self) {
        self.gate.opened().await;
    }
    pub(crate) async fn depth(&self) -> Result<Depth, QueueError> {
        Err(QueueError::Closed)
    }
    pub(crate) async fn parked_list(&self, _limit: usize) -> Result<Vec<Parked>, QueueError> {
        Err(QueueError::Closed)
    }
    pub(crate) async fn parked_replay(&self, _selection: Selection) -> Result<usize, QueueError> {
        Err(QueueError::Closed)
    }
    pub(crate) fn stop_receiving(&self) {}
    pub(crate) async fn shutdown(&self) {}
}

#[derive(Debug, Clone)]
pub(crate) struct LineHandle;
impl LineHandle {
    pub(crate) fn publish(&self, _waiting: Waiting) -> Result<(), Stopped> {
        Err(Stopped)
    }
}
#[derive(Debug)]
pub(crate) struct LaneHandle;
impl LaneHandle {
    pub(crate) async fn receive(&mut self, _max: usize) -> Received {
        Received::Stopped
    }
    pub(crate) async fn release(&mut self) {}
}
#[derive(Debug)]
pub(crate) struct Ticket;
impl Ticket {
    pub(crate) async fn ack(self) -> Settled {
        Settled::Lost
    }
    pub(crate) async fn park(self, _payload: Bytes, _why: ParkReason) -> Settled {
        Settled::Lost
    }
    pub(crate) fn give_back(self) {}
}
