//! The names of queues, exchanges and headers on the broker. Other programs and the policies depend on them.

use crate::raw_delivery::ParkReason;

/// The exchange for all leads.
pub(crate) const LEAD_EXCHANGE: &str = "leadgate.leads";
/// The alternate exchange of [`LEAD_EXCHANGE`]. It receives messages that were not routed to a queue.
pub(crate) const ALTERNATE_EXCHANGE: &str = "leadgate.unrouted";
/// The queue of [`ALTERNATE_EXCHANGE`]. Workers consume it, too.
pub(crate) const UNROUTED_QUEUE: &str = "unrouted";
/// The queue of parked and dead-lettered messages.
pub(crate) const PARKED_QUEUE: &str = "parked";
/// Prefix of the queues for newer builds.
const NEWER_QUEUE_PREFIX: &str = "newer.v";
/// The first version that an older build could not read.
const FIRST_NEWER: u64 = 2;

/// Prefix of the reply queues of gateways.
const REPLY_QUEUE_PREFIX: &str = "leadgate.replies.";

/// Headers of parked messages: the reason, and the time (microseconds since 1970).
pub(crate) const REASON_HEADER: &str = "leadgate-reason";
pub(crate) const PARKED_AT_HEADER: &str = "leadgate-parked-at";

/// The queue and routing key of a shard.
pub(crate) fn shard_queue(number: u16) -> String {
    format!("leads.{number}")
}

/// The queues that the programs of an installation use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueNames {
    pub(crate) shards: u16,
    /// The message version that this build reads.
    pub(crate) version: u64,
}

impl QueueNames {
    /// The queues that a worker consumes.
    pub(crate) fn consumed(self) -> impl Iterator<Item = String> {
        let readable = (FIRST_NEWER..=self.version).map(newer_queue);
        (0..self.shards).map(shard_queue).chain([UNROUTED_QUEUE.to_owned()]).chain(readable)
    }

    /// The queues that must exist.
    pub(crate) fn all(self) -> impl Iterator<Item = String> {
        self.consumed().chain(parked_queues(self.version))
    }
}

/// The queues in which a build that reads `version` parks messages.
pub(crate) fn parked_queues(version: u64) -> [String; 2] {
    [PARKED_QUEUE.to_owned(), newer_queue(version + 1)]
}

/// The queue of [`parked_queues`] for a message with this reason.
pub(crate) fn parked_queue_for(reason: ParkReason, version: u64) -> String {
    let [parked, newer] = parked_queues(version);
    if reason == ParkReason::UnknownVersion { newer } else { parked }
}

/// The queue that builds consume if they read `version`.
fn newer_queue(version: u64) -> String {
    format!("{NEWER_QUEUE_PREFIX}{version}")
}

/// A new name for the reply queue of a gateway.
pub(crate) fn new_reply_queue() -> String {
    format!("{REPLY_QUEUE_PREFIX}{:032x}", rand::random::<u128>())
}

/// Whether a queue is a reply queue. Reply addresses come from messages and must not name other queues.
pub(crate) fn is_reply_queue(queue: &str) -> bool {
    let random = queue.strip_prefix(REPLY_QUEUE_PREFIX);
    random.is_some_and(|random| random.len() == 32 && random.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reply_queues_are_accepted_as_addresses() {
        assert!(is_reply_queue(&new_reply_queue()));
        for other in ["", "leads.0", "parked", "leadgate.replies.", &format!("{}0", new_reply_queue())] {
            assert!(!is_reply_queue(other), "{other}");
        }
    }
}
