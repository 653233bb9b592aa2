//! What things are called on the broker. Other programs and the broker's policies rely on these names.

/// Where publishers send to.
pub(crate) const EXCHANGE: &str = "leadgate.leads";
/// Where messages go that no queue of [`EXCHANGE`] takes.
pub(crate) const ALTERNATE: &str = "leadgate.unrouted";
/// The queue behind [`ALTERNATE`]. Workers consume it too.
pub(crate) const UNROUTED: &str = "unrouted";
/// Messages nobody can attribute, and what the broker dead-letters.
pub(crate) const PARKED: &str = "parked";

/// What the name of a gateway's own queue begins with.
const REPLIES: &str = "leadgate.replies.";

/// Why a message was parked, and when (microseconds since 1970).
pub(crate) const REASON_HEADER: &str = "leadgate-reason";
pub(crate) const PARKED_AT_HEADER: &str = "leadgate-parked-at";

/// The queue and routing key of a shard.
pub(crate) fn shard(number: u16) -> String {
    format!("leads.{number}")
}

/// What a worker consumes.
pub(crate) fn consumed(shards: u16) -> impl Iterator<Item = String> {
    (0..shards).map(shard).chain([UNROUTED.to_owned()])
}

/// Every queue there must be.
pub(crate) fn queues(shards: u16) -> impl Iterator<Item = String> {
    consumed(shards).chain([PARKED.to_owned()])
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
