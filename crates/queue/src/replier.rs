//! The telling side: fire and forget, because whoever does not hear it asks the store.

use std::sync::Arc;

use leadgate_domain::reply::{Reply, ReplyAddress};
use metrics::counter;

use crate::amqp;
use crate::replies::Waiters;

/// Tells those who wait what became of their submissions. All clones share one way out.
#[derive(Debug, Clone)]
pub struct Replier {
    way: Way,
}

#[derive(Debug, Clone)]
pub(crate) enum Way {
    Amqp(amqp::TellerHandle),
    Embedded(Arc<Waiters>),
}

impl Replier {
    pub(crate) fn new(way: Way) -> Self {
        Self { way }
    }

    /// Never waits and never fails: what cannot be told now is dropped, and counted.
    pub fn send(&self, to: &ReplyAddress, reply: Reply) {
        match &self.way {
            Way::Amqp(teller) => teller.tell(to, reply),
            Way::Embedded(waiters) => count(waiters.is_at(to) && waiters.hear(reply), 1),
        }
    }
}

/// Counts replies that left this process, or did not.
pub(crate) fn count(sent: bool, replies: usize) {
    let result = if sent { "sent" } else { "dropped" };
    let replies = u64::try_from(replies).unwrap_or(u64::MAX);
    counter!("leadgate_worker_replies_total", "result" => result).increment(replies);
}
