//! The port: which adapter, and what it offers.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::admin::{LastQueueDepth, ParkedMessage, ParkedSelection, QueueDepth};
use crate::amqp::AmqpQueue;
use crate::config::{QueueAddress, QueueConfig, Role};
use crate::consumer::{Consumer, ConsumerHandle};
use crate::embedded::EmbeddedQueue;
use crate::error::QueueError;
use crate::publisher::{PublishSender, Publisher};
use crate::replier::{Replier, ReplyTransport};
use crate::replies::ReplyReceiver;
use crate::status::QueueStatus;

const OBSERVED_EVERY: Duration = Duration::from_secs(5);

/// A queue, opened. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Queue {
    adapter: Adapter,
    publisher: Publisher,
    last_depth: LastQueueDepth,
}

#[derive(Debug, Clone)]
enum Adapter {
    Amqp(Arc<AmqpQueue>),
    Embedded(EmbeddedQueue),
}

impl Queue {
    /// Opens the queue that `config.url` names. Must be called within a tokio runtime.
    ///
    /// A broker that is away is no error: connecting goes on in the background, see [`Queue::status`].
    ///
    /// # Errors
    /// When the URL names no queue, or the embedded queue's file cannot be used.
    pub async fn open(config: QueueConfig, role: Role) -> Result<Self, QueueError> {
        let (adapter, sender, readiness) = match QueueAddress::of(&config)? {
            QueueAddress::Amqp(broker) => {
                let amqp = AmqpQueue::open(*broker, &config, role);
                let (sender, readiness) = (amqp.publish_sender(), amqp.readiness().clone());
                (Adapter::Amqp(Arc::new(amqp)), PublishSender::Amqp(sender), readiness)
            }
            QueueAddress::Embedded(path) => {
                let embedded = EmbeddedQueue::open(path, &config, role).await?;
                let (writer, readiness) = (embedded.writer(), embedded.readiness().clone());
                (Adapter::Embedded(embedded), PublishSender::Embedded(writer), readiness)
            }
        };
        let publisher = Publisher::new(sender, readiness, &config);
        Ok(Self { adapter, publisher, last_depth: LastQueueDepth::default() })
    }

    /// A handle to publish with; all handles of a queue share their groups.
    pub fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }

    /// Makes a consumer, which begins to take messages with its first `receive`.
    pub fn consumer(&self) -> Consumer {
        Consumer::new(match &self.adapter {
            Adapter::Amqp(amqp) => ConsumerHandle::Amqp(amqp.consumer()),
            Adapter::Embedded(embedded) => ConsumerHandle::Embedded(embedded.consumer()),
        })
    }

    /// Where this process receives the outcomes of submissions that it publishes with a reply address. Opened with
    /// the first call, and kept; must be called within a tokio runtime.
    ///
    /// Not part of readiness: without an address no request waits.
    pub fn replies(&self) -> ReplyReceiver {
        ReplyReceiver::new(match &self.adapter {
            Adapter::Amqp(amqp) => amqp.replies(),
            Adapter::Embedded(embedded) => embedded.replies(),
        })
    }

    /// Sends replies to the requests that wait for them. Must be called within a tokio runtime.
    pub fn replier(&self) -> Replier {
        Replier::new(match &self.adapter {
            Adapter::Amqp(amqp) => ReplyTransport::Amqp(amqp.reply_sender()),
            Adapter::Embedded(embedded) => ReplyTransport::Embedded(embedded.replies()),
        })
    }

    /// Whether the queue can do what its role asks of it; cheap enough for every request.
    pub fn status(&self) -> QueueStatus {
        match &self.adapter {
            Adapter::Amqp(amqp) => amqp.status(),
            Adapter::Embedded(embedded) => embedded.status(),
        }
    }

    /// Waits until [`Queue::status`] is ready. On RabbitMQ the consuming side is ready once a consumer that was
    /// made is connected.
    pub async fn ready(&self) {
        match &self.adapter {
            Adapter::Amqp(amqp) => amqp.ready().await,
            Adapter::Embedded(embedded) => embedded.ready().await,
        }
    }

    /// How much the queue holds. Sets the gauges `leadgate_queue_*` of the same names.
    ///
    /// # Errors
    /// When the broker or the file does not answer.
    pub async fn depth(&self) -> Result<QueueDepth, QueueError> {
        let depth = match &self.adapter {
            Adapter::Amqp(amqp) => amqp.admin().depth().await,
            Adapter::Embedded(embedded) => embedded.depth().await,
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
            self.last_depth.set(depth.ok());
        }
    }

    /// What the queue held when it was last looked at. `None` while it does not answer, or without
    /// [`Queue::observe`].
    pub fn last_depth(&self) -> Option<QueueDepth> {
        self.last_depth.get()
    }

    /// Follows the number of shards that the installation has. On RabbitMQ, publishes to and consumes the queues
    /// of that number from now on; an embedded queue has no shards. Must be called within a tokio runtime.
    pub fn follow_shards(&self, shards: watch::Receiver<u16>) {
        if let Adapter::Amqp(amqp) = &self.adapter {
            amqp.follow_shards(shards);
        }
    }

    /// The messages that were put aside, `limit` at most, oldest first.
    ///
    /// # Errors
    /// When the broker or the file does not answer.
    pub async fn parked_list(&self, limit: usize) -> Result<Vec<ParkedMessage>, QueueError> {
        match &self.adapter {
            Adapter::Amqp(amqp) => amqp.admin().parked_list(limit).await,
            Adapter::Embedded(embedded) => embedded.parked_list(limit).await,
        }
    }

    /// Puts parked messages back into the queue, each removed only once it is durable there. Returns how many.
    ///
    /// # Errors
    /// When the broker or the file does not answer; those replayed before stay replayed.
    pub async fn parked_replay(&self, selection: ParkedSelection) -> Result<usize, QueueError> {
        match &self.adapter {
            Adapter::Amqp(amqp) => amqp.admin().parked_replay(selection).await,
            Adapter::Embedded(embedded) => embedded.parked_replay(selection).await,
        }
    }

    /// Writes a copy of an embedded queue to a file that must not be there yet, beside a process that uses it.
    ///
    /// # Errors
    /// When the copy cannot be written, or the queue is a broker's.
    pub async fn backup_to(&self, target: &Path) -> Result<(), QueueError> {
        match &self.adapter {
            Adapter::Amqp(_) => {
                Err(QueueError::Interrupted("RabbitMQ has its own tools for backups".to_owned()))
            }
            Adapter::Embedded(embedded) => embedded.backup_to(target).await,
        }
    }

    /// Consumers hand out nothing more ([`Received::Stopped`](crate::Received::Stopped)); what was handed
    /// out can still be settled.
    pub fn stop_receiving(&self) {
        match &self.adapter {
            Adapter::Amqp(amqp) => amqp.stop_receiving(),
            Adapter::Embedded(embedded) => embedded.stop_receiving(),
        }
    }

    /// Refuses new publishes, answers those in flight, notes what was settled, closes. Bounded by the
    /// confirm time-out.
    pub async fn shutdown(&self) {
        match &self.adapter {
            Adapter::Amqp(amqp) => amqp.shutdown().await,
            Adapter::Embedded(embedded) => embedded.shutdown().await,
        }
    }
}
