//! What an adapter hands out, and how it can be settled.

use bytes::Bytes;
use leadgate_domain::Timestamp;

/// A message with the adapter's own right to settle it. Dropping that right gives the message back.
#[derive(Debug)]
pub(crate) struct RawDelivery<H> {
    pub(crate) payload: Bytes,
    /// How often it was delivered before.
    pub(crate) deliveries: u32,
    pub(crate) published_at: Option<Timestamp>,
    pub(crate) handle: H,
}

/// What became of settling a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum SettleResult {
    Settled,
    /// The queue took the delivery back before: it comes again. Nothing needs to be done about it.
    Lost,
}

/// Why a message belongs to no known organization.
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
