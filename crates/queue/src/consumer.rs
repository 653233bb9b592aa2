//! The consuming side.

use crate::delivery::Delivery;
use crate::{amqp, embedded};

/// What [`Consumer::receive`] brings.
#[derive(Debug)]
pub enum ReceiveResult {
    /// At least one delivery.
    Deliveries(Vec<Delivery>),
    /// The queue was told to stop; nothing more comes.
    Stopped,
}

/// Takes messages off the queue: all shards, and what no shard took (`unrouted`).
///
/// Each consumer has a channel of its own: what happens to one does not concern the others. Dropping it gives
/// back everything it was handed and has not settled.
#[derive(Debug)]
pub struct Consumer {
    handle: ConsumerHandle,
}

#[derive(Debug)]
pub(crate) enum ConsumerHandle {
    Amqp(amqp::AmqpConsumer),
    Embedded(embedded::EmbeddedConsumer),
}

impl Consumer {
    pub(crate) fn new(handle: ConsumerHandle) -> Self {
        Self { handle }
    }

    /// Waits for a delivery, then takes what else is ready, `max` in all.
    ///
    /// Outlives the broker: while it is away this waits. May be dropped at any time without losing
    /// anything, so it can stand in a `select!`.
    pub async fn receive(&mut self, max: usize) -> ReceiveResult {
        let deliveries = match &mut self.handle {
            ConsumerHandle::Amqp(handle) => handle.receive(max.max(1)).await.map(deliveries),
            ConsumerHandle::Embedded(handle) => handle.receive(max.max(1)).await.map(deliveries),
        };
        deliveries.map_or(ReceiveResult::Stopped, ReceiveResult::Deliveries)
    }

    /// Gives everything back that was handed out and not settled, and takes nothing until the next
    /// [`Consumer::receive`]. For when the database has been away for long.
    ///
    /// Deliveries that the caller still holds can no longer be settled ([`Settled::Lost`](crate::Settled::Lost)).
    pub async fn release(&mut self) {
        match &mut self.handle {
            ConsumerHandle::Amqp(handle) => handle.release().await,
            ConsumerHandle::Embedded(handle) => handle.release(),
        }
    }
}

fn deliveries<R: Into<Delivery>>(raw: Vec<R>) -> Vec<Delivery> {
    raw.into_iter().map(Into::into).collect()
}
