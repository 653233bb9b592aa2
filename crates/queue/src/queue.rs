//! The port: which adapter, and what it offers.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::admin::LastDepth;
use crate::amqp::Amqp;
use crate::config::Address;
use crate::embedded::Embedded;
use crate::{
    Consumer, Depth, Parked, Publisher, QueueConfig, QueueError, Replier, Replies, Role, Selection, Status,
};

const OBSERVED_EVERY: Duration = Duration::from_secs(5);

/// A queue, opened. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Queue {
    Amqp(Arc<Amqp>),
    Embedded(Embedded),
}

impl Queue {
    /// Opens the queue that `config.url` names. Must be called within a tokio runtime.
    ///
    /// A broker that is away is no error: connecting goes on in the background, see [`Queue::status`].
    ///
    /// # Errors
    /// When the URL names no queue, or the embedded queue's file cannot be used.
    pub async fn open(config: QueueConfig, role: Role) -> Result<Self, QueueError> {
        match Address::parse(&config.url)? {
            Address::Amqp(broker) => Ok(Self::Amqp(Arc::new(Amqp::open(*broker, config, role)))),
            Address::Embedded(path) => Ok(Self::Embedded(Embedded::open(path, config, role).await?)),
        }
    }

    /// A handle to publish with; all handles of a queue share their groups.
    pub fn publisher(&self) -> Publisher {
        match self {
            Self::Amqp(amqp) => amqp.publisher(),
            Self::Embedded(embedded) => embedded.publisher(),
        }
    }

    /// Makes a consumer, which begins to take messages with its first `receive`.
    pub fn consumer(&self) -> Consumer {
        match self {
            Self::Amqp(amqp) => amqp.consumer(),
            Self::Embedded(embedded) => embedded.consumer(),
        }
    }

    /// Where this process hears what becomes of submissions that it publishes with a reply address. Opened with
    /// the first call, and kept; must be called within a tokio runtime.
    ///
    /// Not part of readiness: without an address no request waits.
    pub fn replies(&self) -> Replies {
        match self {
            Self::Amqp(amqp) => amqp.replies(),
            Self::Embedded(embedded) => embedded.replies(),
        }
    }

    /// Tells those who wait elsewhere. Must be called within a tokio runtime.
    pub fn replier(&self) -> Replier {
        match self {
            Self::Amqp(amqp) => amqp.replier(),
            Self::Embedded(embedded) => embedded.replier(),
        }
    }

    /// Whether the queue can do what its role asks of it; cheap enough for every request.
    pub fn status(&self) -> Status {
        match self {
            Self::Amqp(amqp) => amqp.status(),
            Self::Embedded(embedded) => embedded.status(),
        }
    }

    /// Waits until [`Queue::status`] is ready. On RabbitMQ the consuming side is ready once a consumer that was
    /// made is connected.
    pub async fn ready(&self) {
        match self {
            Self::Amqp(amqp) => amqp.ready().await,
            Self::Embedded(embedded) => embedded.ready().await,
        }
    }

    /// How much the queue holds. Sets the gauges `leadgate_queue_*` of the same names.
    ///
    /// # Errors
    /// When the broker or the file does not answer.
    pub async fn depth(&self) -> Result<Depth, QueueError> {
        let depth = match self {
            Self::Amqp(amqp) => amqp.depth().await,
            Self::Embedded(embedded) => embedded.depth().await,
        }?;
        depth.report();
        Ok(depth)
    }

    /// Reads the queue depth every few seconds until cancelled, for the gauges and [`Queue::last_depth`].
    pub async fn observe(&self, stop: &CancellationToken) {
        let mut ticks = interval(OBSERVED_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let Some(depth) = stop.run_until_cancelled(self.depth()).await else { return };
            if let Err(error) = &depth {
                tracing::debug!(queue.reason = %error, "queue depth could not be read");
            }
            self.kept_depth().set(depth.ok());
        }
    }

    /// What the queue held when it was last looked at. `None` while it does not answer, or without
    /// [`Queue::observe`].
    pub fn last_depth(&self) -> Option<Depth> {
        self.kept_depth().get()
    }

    fn kept_depth(&self) -> &LastDepth {
        match self {
            Self::Amqp(amqp) => amqp.last_depth(),
            Self::Embedded(embedded) => embedded.last_depth(),
        }
    }

    /// Follows the number of shards that the installation has. On RabbitMQ, publishes to and consumes the queues
    /// of that number from now on; an embedded queue has no shards. Must be called within a tokio runtime.
    pub fn follow_shards(&self, shards: watch::Receiver<u16>) {
        if let Self::Amqp(amqp) = self {
            amqp.follow_shards(shards);
        }
    }

    /// The messages that were put aside, `limit` at most, oldest first.
    ///
    /// # Errors
    /// When the broker or the file does not answer.
    pub async fn parked_list(&self, limit: usize) -> Result<Vec<Parked>, QueueError> {
        match self {
            Self::Amqp(amqp) => amqp.parked_list(limit).await,
            Self::Embedded(embedded) => embedded.parked_list(limit).await,
        }
    }

    /// Puts parked messages back into the queue, each removed only once it is durable there. Returns how many.
    ///
    /// # Errors
    /// When the broker or the file does not answer; those replayed before stay replayed.
    pub async fn parked_replay(&self, selection: Selection) -> Result<usize, QueueError> {
        match self {
            Self::Amqp(amqp) => amqp.parked_replay(selection).await,
            Self::Embedded(embedded) => embedded.parked_replay(selection).await,
        }
    }

    /// Writes a copy of an embedded queue to a file that must not be there yet, beside a process that uses it.
    ///
    /// # Errors
    /// When the copy cannot be written, or the queue is a broker's.
    pub async fn backup_to(&self, target: &Path) -> Result<(), QueueError> {
        match self {
            Self::Amqp(_) => {
                Err(QueueError::Interrupted("RabbitMQ has its own tools for backups".to_owned()))
            }
            Self::Embedded(embedded) => embedded.backup_to(target).await,
        }
    }

    /// Consumers hand out nothing more ([`Received::Stopped`](crate::Received::Stopped)); what was handed
    /// out can still be settled.
    pub fn stop_receiving(&self) {
        match self {
            Self::Amqp(amqp) => amqp.stop_receiving(),
            Self::Embedded(embedded) => embedded.stop_receiving(),
        }
    }

    /// Refuses new publishes, answers those in flight, notes what was settled, closes. Bounded by the
    /// confirm time-out.
    pub async fn shutdown(&self) {
        match self {
            Self::Amqp(amqp) => amqp.shutdown().await,
            Self::Embedded(embedded) => embedded.shutdown().await,
        }
    }
}
