//! Queue depth and parked messages, for administration and metrics.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use leadgate_domain::Timestamp;
use metrics::gauge;
use serde::{Serialize, Serializer};

/// A parked message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedMessage {
    /// The id for [`ParkedSelection::Ids`].
    pub id: String,
    /// The code of a [`ParkReason`](crate::ParkReason), or `dead_lettered` with the reason of the broker.
    pub reason: String,
    pub parked_at: Option<Timestamp>,
    /// Size of the payload.
    pub bytes: usize,
}

/// A selection of parked messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParkedSelection {
    All,
    Ids(Vec<String>),
}

impl ParkedSelection {
    /// Returns whether this id is selected, and removes it: an id is selected once.
    pub(crate) fn take(&mut self, id: &str) -> bool {
        match self {
            Self::All => true,
            Self::Ids(ids) => {
                let before = ids.len();
                ids.retain(|selected| selected != id);
                ids.len() < before
            }
        }
    }

    /// Whether all selected ids have been taken.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Ids(ids) if ids.is_empty())
    }
}

/// The depth of a queue, in messages. A message contains one or more submissions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct QueueDepth {
    /// Messages that wait to be delivered.
    pub ready: u64,
    /// Messages that this process received and has not settled.
    pub in_flight: u64,
    /// Parked messages, including those that the broker dead-lettered, without `newer`.
    pub parked: u64,
    /// Messages that are parked because only a newer build can read them.
    pub newer: u64,
    /// Age of the oldest message that is not settled, in seconds. On RabbitMQ, only messages that this
    /// process received count, because the broker does not show undelivered messages.
    #[serde(rename = "oldest_age_seconds", serialize_with = "seconds")]
    pub oldest_age: Option<Duration>,
    /// Queues without a consumer. An embedded queue can only be consumed in its own process.
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

/// The latest depth of a queue. `None` while the queue does not answer.
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
