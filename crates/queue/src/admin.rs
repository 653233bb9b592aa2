//! What an administrator sees of a queue.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use leadgate_domain::Timestamp;
use metrics::gauge;
use serde::{Serialize, Serializer};

/// A message that was put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedMessage {
    /// Names it for [`ParkedSelection::Ids`].
    pub id: String,
    /// A [`ParkReason`](crate::ParkReason)'s code, or `dead_lettered` with the broker's own word.
    pub reason: String,
    pub parked_at: Option<Timestamp>,
    /// Its size.
    pub bytes: usize,
}

/// Which of the parked messages are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParkedSelection {
    All,
    Ids(Vec<String>),
}

impl ParkedSelection {
    /// Whether this id is selected. An id that was named is selected once.
    pub(crate) fn take(&mut self, id: &str) -> bool {
        match self {
            Self::All => true,
            Self::Ids(ids) => {
                let before = ids.len();
                ids.retain(|one| one != id);
                ids.len() < before
            }
        }
    }

    /// Nothing more can be selected.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Ids(ids) if ids.is_empty())
    }
}

/// How much a queue holds, in messages; each carries up to a group of submissions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct QueueDepth {
    /// Waiting to be delivered.
    pub ready: u64,
    /// Handed out by this process and not settled.
    pub in_flight: u64,
    /// What cannot be attributed, and what the broker dead-lettered.
    pub parked: u64,
    /// Parked because only a newer build can read it.
    pub newer: u64,
    /// Age of the oldest message that is not settled, in seconds. On RabbitMQ the oldest this process holds: the
    /// broker does not show what it has not delivered.
    #[serde(rename = "oldest_age_seconds", serialize_with = "seconds")]
    pub oldest_age: Option<Duration>,
    /// Queues that no worker consumes. An embedded queue is consumed within its process only.
    pub unconsumed: Vec<String>,
}

impl QueueDepth {
    pub(crate) fn report(&self) {
        let states = [
            ("ready", self.ready),
            ("in_flight", self.in_flight),
            ("parked", self.parked),
            ("newer", self.newer),
        ];
        for (state, messages) in states {
            gauge!("leadgate_queue_messages", "state" => state)
                .set(u32::try_from(messages).unwrap_or(u32::MAX));
        }
        gauge!("leadgate_queue_oldest_age_seconds").set(self.oldest_age.unwrap_or_default().as_secs_f64());
        gauge!("leadgate_queue_unconsumed").set(u32::try_from(self.unconsumed.len()).unwrap_or(u32::MAX));
    }
}

fn seconds<S: Serializer>(age: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    age.map(|age| age.as_secs()).serialize(serializer)
}

/// What a queue held when it was last looked at; nothing while it does not answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct LastQueueDepth(Arc<Mutex<Option<QueueDepth>>>);

impl LastQueueDepth {
    pub(crate) fn get(&self) -> Option<QueueDepth> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, depth: Option<QueueDepth>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = depth;
    }
}
