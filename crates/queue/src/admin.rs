//! What an administrator sees of a queue.

use std::time::Duration;

use leadgate_domain::Timestamp;

/// A message that was put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// Names it for [`Selection::Ids`].
    pub id: String,
    /// A [`ParkReason`](crate::ParkReason)'s code, or `dead_lettered` with the broker's own word.
    pub reason: String,
    pub parked_at: Option<Timestamp>,
    /// Its size.
    pub bytes: usize,
}

/// Which of the parked messages are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    All,
    Ids(Vec<String>),
}

impl Selection {
    pub(crate) fn has(&self, id: &str) -> bool {
        match self {
            Self::All => true,
            Self::Ids(ids) => ids.iter().any(|one| one == id),
        }
    }
}

/// How much a queue holds, in messages; each carries up to a group of submissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Waiting to be delivered.
    pub ready: u64,
    /// Handed out by this process and not settled.
    pub in_flight: u64,
    pub parked: u64,
    /// Age of the oldest message that is not done with. On RabbitMQ the oldest this process holds:
    /// the broker does not show what it has not delivered.
    pub oldest_age: Option<Duration>,
}
