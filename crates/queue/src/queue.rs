//! The port: selects the adapter and forwards to it.

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
use crate::replies::ReplyReceiver;
use crate::reply_sender::{ReplySender, ReplyTransport};
use crate::status::QueueStatus;

const DEPTH_POLL_INTERVAL: Duration = Duration::from_secs(5);

/// An open queue. Cheap to clone.
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
    /// Opens the queue at `config.url`. Must be called in a tokio runtime.
    ///
    /// An unreachable broker is not an error: connecting continues in the background, see [`Queue::status`].
    ///
    /// # Errors
    /// When the URL is not the URL of a queue, or the file of the embedded queue cannot be used.
    pub async fn open(config: QueueConfig, role: Role) -> Result<Self, QueueError> {
        let (adapter, sender, readiness) = match QueueAddress::from_config(&config)? {
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

    /// Returns a handle for publishing. All handles of a queue share their groups.
    pub fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }

    /// Creates a consumer. It starts to consume at its first `receive`.
    pub fn consumer(&self) -> Consumer {
        Consumer::new(match &self.adapter {
            Adapter::Amqp(amqp) => ConsumerHandle::Amqp(amqp.consumer()),
            Adapter::Embedded(embedded) => ConsumerHandle::Embedded(embedded.consumer()),
        })
    }

    /// Returns the receiver of the outcomes of submissions that this process publishes with a reply address.
    /// The first call opens it. Must be called in a tokio runtime.
    ///
    /// Replies are not part of readiness: without a reply address, requests do not wait.
    pub fn reply_receiver(&self) -> ReplyReceiver {
        ReplyReceiver::new(match &self.adapter {
            Adapter::Amqp(amqp) => amqp.replies(),
            Adapter::Embedded(embedded) => embedded.replies(),
        })
    }

    /// Returns the sender of replies to waiting requests. Must be called in a tokio runtime.
    pub fn reply_sender(&self) -> ReplySender {
        ReplySender::new(match &self.adapter {
            Adapter::Amqp(amqp) => ReplyTransport::Amqp(amqp.reply_sender()),
            Adapter::Embedded(embedded) => ReplyTransport::Embedded(embedded.replies()),
        })
    }

    /// Whether the queue can do the work of its role. Cheap enough for every request.
    pub fn status(&self) -> QueueStatus {
        match &self.adapter {
            Adapter::Amqp(amqp) => amqp.status(),
            Adapter::Embedded(embedded) => embedded.status(),
        }
    }

    /// Waits until [`Queue::status`] is ready. On RabbitMQ, the consuming side is ready when a consumer is
    /// connected.
    pub async fn ready(&self) {
        match &self.adapter {
            Adapter::Amqp(amqp) => amqp.ready().await,
            Adapter::Embedded(embedded) => embedded.ready().await,
        }
    }

    /// Reads the depth of the queue. Sets the gauges `leadgate_queue_*` of the same names.
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

    /// Reads the queue depth every few seconds until cancelled, for the gauges and for [`Queue::last_depth`].
    pub async fn poll_depth(&self, stop: &CancellationToken) {
        let mut ticks = interval(DEPTH_POLL_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let Some(depth) = stop.run_until_cancelled(self.depth()).await else { return };
            if let Err(error) = &depth {
                tracing::debug!(queue.reason = %error, "queue depth could not be read");
            }
            self.last_depth.set(depth.ok());
        }
    }

    /// The latest depth that [`Queue::poll_depth`] read. `None` while the queue does not answer, or if `poll_depth`
    /// is not running.
    pub fn last_depth(&self) -> Option<QueueDepth> {
        self.last_depth.get()
    }

    /// Follows the number of shards of the installation. On RabbitMQ, publishers and consumers use that
    /// number of queues from then on. An embedded queue has no shards. Must be called in a tokio runtime.
    pub fn follow_shards(&self, shards: watch::Receiver<u16>) {
        if let Adapter::Amqp(amqp) = &self.adapter {
            amqp.follow_shards(shards);
        }
    }

    /// Lists at most `limit` parked messages, oldest first.
    ///
    /// # Errors
    /// When the broker or the file does not answer.
    pub async fn list_parked(&self, limit: usize) -> Result<Vec<ParkedMessage>, QueueError> {
        match &self.adapter {
            Adapter::Amqp(amqp) => amqp.admin().list_parked(limit).await,
            Adapter::Embedded(embedded) => embedded.list_parked(limit).await,
        }
    }

    /// Publishes parked messages to the queue again. A message is removed when it is durable in the queue.
    /// Returns the number of replayed messages.
    ///
    /// # Errors
    /// When the broker or the file does not answer. Messages that were replayed before the error stay
    /// replayed.
    pub async fn replay_parked(&self, selection: ParkedSelection) -> Result<usize, QueueError> {
        match &self.adapter {
            Adapter::Amqp(amqp) => amqp.admin().replay_parked(selection).await,
            Adapter::Embedded(embedded) => embedded.replay_parked(selection).await,
        }
    }

    /// Copies an embedded queue to a new file, while other processes may use the queue. `target` must not
    /// exist.
    ///
    /// # Errors
    /// When the copy cannot be written, or the queue is not embedded.
    pub async fn backup_to(&self, target: &Path) -> Result<(), QueueError> {
        match &self.adapter {
            Adapter::Amqp(_) => {
                Err(QueueError::Interrupted("a broker is backed up with its own tools".to_owned()))
            }
            Adapter::Embedded(embedded) => embedded.backup_to(target).await,
        }
    }

    /// Stops all consumers ([`ReceiveResult::Stopped`](crate::ReceiveResult::Stopped)). Received messages can
    /// still be settled.
    pub fn stop_receiving(&self) {
        match &self.adapter {
            Adapter::Amqp(amqp) => amqp.stop_receiving(),
            Adapter::Embedded(embedded) => embedded.stop_receiving(),
        }
    }

    /// Refuses new publishes, finishes those in flight, records what was settled, and closes. Bounded by the
    /// time limit of a publish.
    pub async fn shutdown(&self) {
        match &self.adapter {
            Adapter::Amqp(amqp) => amqp.shutdown().await,
            Adapter::Embedded(embedded) => embedded.shutdown().await,
        }
    }
}
