//! The consuming side.

use crate::{Delivery, amqp, embedded};

/// What [`Consumer::receive`] brings.
#[derive(Debug)]
pub enum Received {
    /// At least one delivery.
    Deliveries(Vec<Delivery>),
    /// The queue was told to stop; nothing more comes.
    Stopped,
}

/// Takes messages off the queue: all shards, and what went astray (`unrouted`).
///
/// Each consumer is its own lane: a channel of its own, and its trouble is no other's. Dropping it gives
/// back everything it was handed and has not settled.
#[derive(Debug)]
pub struct Consumer {
    lane: Lane,
}

#[derive(Debug)]
pub(crate) enum Lane {
    Amqp(amqp::LaneHandle),
    Embedded(embedded::Reader),
}

impl Consumer {
    pub(crate) fn new(lane: Lane) -> Self {
        Self { lane }
    }

    /// Waits for a delivery, then takes what else is ready, `max` in all.
    ///
    /// Outlives the broker: while it is away this waits. May be dropped at any time without losing
    /// anything, so it can stand in a `select!`.
    pub async fn receive(&mut self, max: usize) -> Received {
        match &mut self.lane {
            Lane::Amqp(lane) => lane.receive(max.max(1)).await,
            Lane::Embedded(reader) => reader.receive(max.max(1)).await,
        }
    }

    /// Gives everything back that was handed out and not settled, and takes nothing until the next
    /// [`Consumer::receive`]. For when the database has been away for long.
    ///
    /// Deliveries that the caller still holds can no longer be settled ([`Settled::Lost`](crate::Settled::Lost)).
    pub async fn release(&mut self) {
        match &mut self.lane {
            Lane::Amqp(lane) => lane.release().await,
            Lane::Embedded(reader) => reader.release(),
        }
    }
}
