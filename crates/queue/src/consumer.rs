//! The consuming side of a queue.

use crate::delivery::Delivery;
use crate::{amqp, embedded};

/// The result of [`Consumer::receive`].
#[derive(Debug)]
pub enum ReceiveResult {
    /// At least one delivery.
    Deliveries(Vec<Delivery>),
    /// [`Queue::stop_receiving`](crate::Queue::stop_receiving) was called.
    Stopped,
}

/// Receives the messages of all shards, and those that were not routed to a shard (`unrouted`).
///
/// Each consumer has its own channel, so an error of one does not affect the others. Dropping a consumer
/// requeues its unsettled deliveries.
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

    /// Waits for a delivery, then returns it with those that are ready, at most `max` in total.
    ///
    /// While the broker is unreachable, this waits. It is cancellation safe, so it can be used in a
    /// `select!`.
    pub async fn receive(&mut self, max: usize) -> ReceiveResult {
        let deliveries = match &mut self.handle {
            ConsumerHandle::Amqp(handle) => handle.receive(max.max(1)).await.map(deliveries),
            ConsumerHandle::Embedded(handle) => handle.receive(max.max(1)).await.map(deliveries),
        };
        deliveries.map_or(ReceiveResult::Stopped, ReceiveResult::Deliveries)
    }

    /// Requeues all unsettled deliveries, and pauses until the next [`Consumer::receive`]. A worker calls it
    /// after the database has been unavailable for too long.
    ///
    /// Deliveries that the caller still holds can no longer be settled
    /// ([`SettleResult::Lost`](crate::SettleResult::Lost)).
    pub async fn requeue_all(&mut self) {
        match &mut self.handle {
            ConsumerHandle::Amqp(handle) => handle.requeue_all().await,
            ConsumerHandle::Embedded(handle) => handle.requeue_all(),
        }
    }
}

fn deliveries<R: Into<Delivery>>(raw: Vec<R>) -> Vec<Delivery> {
    raw.into_iter().map(Into::into).collect()
}
