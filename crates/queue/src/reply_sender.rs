//! The sending side of replies. Replies are not guaranteed: a gateway without a reply answers 202.

use std::sync::Arc;

use leadgate_domain::reply::{Reply, ReplyAddress};

use crate::amqp;
use crate::replies::{PendingReplies, count_sent};

/// Sends replies to the gateways whose requests wait for them. All clones share one channel.
#[derive(Debug, Clone)]
pub struct ReplySender {
    transport: ReplyTransport,
}

#[derive(Debug, Clone)]
pub(crate) enum ReplyTransport {
    Amqp(amqp::AmqpReplySender),
    Embedded(Arc<PendingReplies>),
}

impl ReplySender {
    pub(crate) fn new(transport: ReplyTransport) -> Self {
        Self { transport }
    }

    /// Never waits and never fails. A reply that cannot be sent now is dropped and counted.
    pub fn send(&self, to: &ReplyAddress, reply: Reply) {
        match &self.transport {
            ReplyTransport::Amqp(sender) => sender.send(to, reply),
            ReplyTransport::Embedded(pending) => {
                count_sent(pending.has_address(to) && pending.resolve(reply), 1)
            }
        }
    }
}
