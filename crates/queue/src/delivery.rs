//! One message that was handed out, settled by value.

use bytes::Bytes;
use leadgate_domain::Timestamp;

use crate::raw_delivery::{ParkReason, RawDelivery, SettleResult};
use crate::{amqp, embedded};

/// A message that was handed out. Settle it with [`Delivery::ack`] or [`Delivery::park`]; dropping it
/// gives it back.
#[derive(Debug)]
pub struct Delivery {
    payload: Bytes,
    deliveries: u32,
    published_at: Option<Timestamp>,
    handle: AckHandle,
}

#[derive(Debug)]
enum AckHandle {
    Amqp(Box<amqp::AmqpAckHandle>),
    Embedded(embedded::EmbeddedAckHandle),
}

impl Delivery {
    /// The message, byte for byte as it was published.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// How often it was delivered before. A hint only: brokers differ in what they count.
    pub fn deliveries(&self) -> u32 {
        self.deliveries
    }

    /// When it was published, to the second on RabbitMQ; a message from elsewhere may not say.
    pub fn published_at(&self) -> Option<Timestamp> {
        self.published_at
    }

    /// Done with: it is not delivered again, unless the queue dies before it has noted that.
    pub async fn ack(self) -> SettleResult {
        match self.handle {
            AckHandle::Amqp(handle) => handle.ack().await,
            AckHandle::Embedded(handle) => handle.ack(),
        }
    }

    /// Puts it aside, whole, for an operator to look at. It is never lost on the way: if it cannot be put
    /// aside it is given back, and the answer is [`Settled::Lost`].
    pub async fn park(self, why: ParkReason) -> SettleResult {
        match self.handle {
            AckHandle::Amqp(handle) => handle.park(self.payload, why).await,
            AckHandle::Embedded(handle) => handle.park(why).await,
        }
    }

    /// Parks a part of it as a message of its own. The delivery itself is settled later; [`Settled::Lost`] when the part is
    /// not parked for sure.
    pub async fn park_part(&self, part: Bytes, why: ParkReason) -> SettleResult {
        match &self.handle {
            AckHandle::Amqp(handle) => handle.park_part(part, why).await,
            AckHandle::Embedded(handle) => handle.park_part(part, why).await,
        }
    }

    /// Gives it back at once; a consumer, perhaps the same one, gets it again.
    pub fn requeue(self) {}
}

impl From<RawDelivery<amqp::AmqpAckHandle>> for Delivery {
    fn from(raw: RawDelivery<amqp::AmqpAckHandle>) -> Self {
        let RawDelivery { payload, deliveries, published_at, handle } = raw;
        Self { payload, deliveries, published_at, handle: AckHandle::Amqp(Box::new(handle)) }
    }
}

impl From<RawDelivery<embedded::EmbeddedAckHandle>> for Delivery {
    fn from(raw: RawDelivery<embedded::EmbeddedAckHandle>) -> Self {
        let RawDelivery { payload, deliveries, published_at, handle } = raw;
        Self { payload, deliveries, published_at, handle: AckHandle::Embedded(handle) }
    }
}
