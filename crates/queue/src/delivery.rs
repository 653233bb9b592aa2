//! One message in somebody's hands, settled by value.

use bytes::Bytes;
use leadgate_domain::Timestamp;

use crate::{amqp, embedded};

/// A message that was handed out. Settle it with [`Delivery::ack`] or [`Delivery::park`]; dropping it
/// gives it back.
#[derive(Debug)]
pub struct Delivery {
    payload: Bytes,
    deliveries: u32,
    published_at: Option<Timestamp>,
    /// Taken when it is settled.
    ticket: Option<Ticket>,
}

#[derive(Debug)]
pub(crate) enum Ticket {
    Amqp(Box<amqp::Ticket>),
    Embedded(embedded::Ticket),
}

/// What became of settling a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Settled {
    Done,
    /// The queue took the delivery back before: it comes again. Nothing needs to be done about it.
    Lost,
}

/// Why nobody can be found to whom a message belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParkReason {
    /// Not a message.
    Unreadable,
    /// Written by a newer build.
    UnknownVersion,
    /// Readable, and yet no submission's fault could be recorded anywhere.
    Unattributable,
}

impl ParkReason {
    /// The stable name under which it is stored.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::UnknownVersion => "unknown_version",
            Self::Unattributable => "unattributable",
        }
    }
}

impl Delivery {
    pub(crate) fn new(
        payload: Bytes,
        deliveries: u32,
        published_at: Option<Timestamp>,
        ticket: Ticket,
    ) -> Self {
        Self { payload, deliveries, published_at, ticket: Some(ticket) }
    }

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
    pub async fn ack(mut self) -> Settled {
        match self.ticket.take() {
            Some(Ticket::Amqp(ticket)) => ticket.ack().await,
            Some(Ticket::Embedded(ticket)) => ticket.ack(),
            None => Settled::Lost,
        }
    }

    /// Puts it aside, whole, for somebody to look at. It is never lost on the way: if it cannot be put
    /// aside it is given back, and the answer is [`Settled::Lost`].
    pub async fn park(mut self, why: ParkReason) -> Settled {
        match self.ticket.take() {
            Some(Ticket::Amqp(ticket)) => ticket.park(self.payload.clone(), why).await,
            Some(Ticket::Embedded(ticket)) => ticket.park(why).await,
            None => Settled::Lost,
        }
    }

    /// Parks a part of it as a message of its own. The delivery itself is settled later; [`Settled::Lost`] when the part is
    /// not parked for sure.
    pub async fn park_part(&self, part: Bytes, why: ParkReason) -> Settled {
        match &self.ticket {
            Some(Ticket::Amqp(ticket)) => ticket.park_part(part, why).await,
            Some(Ticket::Embedded(ticket)) => ticket.park_part(part, why).await,
            None => Settled::Lost,
        }
    }

    /// Gives it back at once; somebody, perhaps the same consumer, gets it again.
    pub fn requeue(self) {}
}

impl Drop for Delivery {
    fn drop(&mut self) {
        match self.ticket.take() {
            Some(Ticket::Amqp(ticket)) => ticket.give_back(),
            Some(Ticket::Embedded(ticket)) => ticket.give_back(),
            None => {}
        }
    }
}
