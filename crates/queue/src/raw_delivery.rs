//! A delivery of an adapter, and the results of settling it.

use bytes::Bytes;
use leadgate_domain::Timestamp;

/// A message with the handle of the adapter that settles it. Dropping the handle requeues the message.
#[derive(Debug)]
pub(crate) struct RawDelivery<H> {
    pub(crate) payload: Bytes,
    /// Number of earlier deliveries.
    pub(crate) delivery_count: u32,
    pub(crate) published_at: Option<Timestamp>,
    pub(crate) handle: H,
}

/// The result of settling a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum SettleResult {
    Settled,
    /// The queue had already requeued the message, so it is delivered again. The caller has nothing to do.
    Lost,
}

/// Why a message is parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParkReason {
    /// The payload is not a valid message.
    Unreadable,
    /// A newer build wrote the message.
    UnknownVersion,
    /// The message is readable, but its error cannot be attributed to a submission.
    Unattributable,
}

impl ParkReason {
    /// The stable code that is stored with the message.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::UnknownVersion => "unknown_version",
            Self::Unattributable => "unattributable",
        }
    }
}
