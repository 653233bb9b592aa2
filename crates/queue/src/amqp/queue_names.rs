//! What things are called on the broker. Other programs and the broker's policies rely on these names.

use crate::raw_delivery::ParkReason;

/// Where publishers send to.
pub(crate) const EXCHANGE: &str = "leadgate.leads";
/// Where messages go that no queue of [`EXCHANGE`] takes.
pub(crate) const ALTERNATE: &str = "leadgate.unrouted";
/// The queue behind [`ALTERNATE`]. Workers consume it too.
pub(crate) const UNROUTED: &str = "unrouted";
/// Messages that cannot be attributed, and what the broker dead-letters.
pub(crate) const PARKED: &str = "parked";
/// What the names of the queues for newer builds begin with.
const NEWER: &str = "newer.v";
/// The first version that an older build could not read.
const FIRST_NEWER: u64 = 2;

/// What the name of a gateway's own queue begins with.
const REPLIES: &str = "leadgate.replies.";

/// Why a message was parked, and when (microseconds since 1970).
pub(crate) const REASON_HEADER: &str = "leadgate-reason";
pub(crate) const PARKED_AT_HEADER: &str = "leadgate-parked-at";

/// The queue and routing key of a shard.
pub(crate) fn shard(number: u16) -> String {
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
    /// What a worker consumes.
    pub(crate) fn consumed(self) -> impl Iterator<Item = String> {
        let readable = (FIRST_NEWER..=self.version).map(newer);
        (0..self.shards).map(shard).chain([UNROUTED.to_owned()]).chain(readable)
    }

    /// All that must exist.
    pub(crate) fn all(self) -> impl Iterator<Item = String> {
        self.consumed().chain(parked(self.version))
    }
}

/// Where a build that reads `version` parks messages.
pub(crate) fn parked(version: u64) -> [String; 2] {
    [PARKED.to_owned(), newer(version + 1)]
}

/// Which of the queues of [`parked`] takes a message.
pub(crate) fn parked_for(why: ParkReason, version: u64) -> String {
    let [parked, newer] = parked(version);
    if why == ParkReason::UnknownVersion { newer } else { parked }
}

/// The queue that builds consume which read `version`.
fn newer(version: u64) -> String {
    format!("{NEWER}{version}")
}

/// A gateway's own queue, of a name that was never used.
pub(crate) fn replies() -> String {
    format!("{REPLIES}{:032x}", rand::random::<u128>())
}

/// Whether a queue is a gateway's: an address comes out of a message, and must not lead anywhere else.
pub(crate) fn is_replies(queue: &str) -> bool {
    let random = queue.strip_prefix(REPLIES);
    random.is_some_and(|random| random.len() == 32 && random.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_gateways_queue_is_one() {
        assert!(is_replies(&replies()));
        for other in ["", "leads.0", "parked", "leadgate.replies.", &format!("{}0", replies())] {
            assert!(!is_replies(other), "{other}");
        }
    }
}
