//! A received message, which is settled by value.

use bytes::Bytes;
use leadgate_domain::Timestamp;

use crate::raw_delivery::{ParkReason, RawDelivery, SettleResult};
use crate::{amqp, embedded};

/// A received message. It is settled with [`Delivery::ack`] or [`Delivery::park`]. Dropping it requeues it.
#[derive(Debug)]
pub struct Delivery {
    payload: Bytes,
    delivery_count: u32,
    published_at: Option<Timestamp>,
    handle: AckHandle,
}

#[derive(Debug)]
enum AckHandle {
    Amqp(Box<amqp::AmqpAckHandle>),
    Embedded(embedded::EmbeddedAckHandle),
}

impl Delivery {
    /// The published message, byte for byte.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// Number of earlier deliveries. This is a hint only, because brokers count differently.
    pub fn delivery_count(&self) -> u32 {
        self.delivery_count
    }

    /// When the message was published, to the second on RabbitMQ. `None` if another program published it
    /// without a time.
    pub fn published_at(&self) -> Option<Timestamp> {
        self.published_at
    }

    /// Acknowledges the message. It is not delivered again, unless the queue stops before it has recorded
    /// this.
    pub async fn ack(self) -> SettleResult {
        match self.handle {
            AckHandle::Amqp(handle) => handle.ack().await,
            AckHandle::Embedded(handle) => handle.ack(),
        }
    }

    /// Parks the whole message for an operator. A message that cannot be parked is requeued, and the result
    /// is [`SettleResult::Lost`].
    pub async fn park(self, reason: ParkReason) -> SettleResult {
        match self.handle {
            AckHandle::Amqp(handle) => handle.park(self.payload, reason).await,
            AckHandle::Embedded(handle) => handle.park(reason).await,
        }
    }

    /// Parks one submission of the message as a separate message. The delivery itself is settled later. The
    /// result is [`SettleResult::Lost`] unless the submission is certainly parked.
    pub async fn park_submission(&self, submission: Bytes, reason: ParkReason) -> SettleResult {
        match &self.handle {
            AckHandle::Amqp(handle) => handle.park_submission(submission, reason).await,
            AckHandle::Embedded(handle) => handle.park_submission(submission, reason).await,
        }
    }

    /// Requeues the message at once. Any consumer can receive it next.
    pub fn requeue(self) {}
}

impl From<RawDelivery<amqp::AmqpAckHandle>> for Delivery {
    fn from(raw: RawDelivery<amqp::AmqpAckHandle>) -> Self {
        let RawDelivery { payload, delivery_count, published_at, handle } = raw;
        Self { payload, delivery_count, published_at, handle: AckHandle::Amqp(Box::new(handle)) }
    }
}

impl From<RawDelivery<embedded::EmbeddedAckHandle>> for Delivery {
    fn from(raw: RawDelivery<embedded::EmbeddedAckHandle>) -> Self {
        let RawDelivery { payload, delivery_count, published_at, handle } = raw;
        Self { payload, delivery_count, published_at, handle: AckHandle::Embedded(handle) }
    }
}
