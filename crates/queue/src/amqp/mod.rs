//! The RabbitMQ adapter: one connection for publishing and one for consuming, and a task for each channel.

mod ack_handle;
mod admin;
mod connection;
mod consume_loop;
mod consumer_readiness;
mod message;
mod pending_confirms;
mod policies;
mod publish_loop;
mod publish_queue;
mod queue_names;
mod reply_consumer;
mod reply_message;
mod reply_publisher;
mod supervise;
mod topology;
mod unacked;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use ack_handle::AmqpAckHandle;
pub(crate) use admin::AdminClient;
use connection::BrokerConnection;
pub(crate) use consume_loop::AmqpConsumer;
use consume_loop::{ConsumeContext, ConsumeLoop};
use consumer_readiness::ConsumerReadiness;
pub use policies::{policy_commands, upload_policies};
use publish_loop::PublishLoop;
pub(crate) use publish_queue::AmqpPublishSender;
use reply_consumer::ReplyConsumer;
pub(crate) use reply_publisher::AmqpReplySender;
use reply_publisher::ReplyPublisher;
use supervise::{ChannelTask, supervise};
pub use topology::declare_topology;
use unacked::UnackedDeliveries;

use crate::config::{BrokerAddress, QueueConfig, Role};
use crate::error::QueueFailure;
use crate::replies::PendingReplies;
use crate::shard_count::ShardCount;
use crate::status::{QueueStatus, Readiness};

/// Time limit for closing the connections, in addition to that of the publishes in flight.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(1_500);

/// A queue on RabbitMQ. See the crate's README.
#[derive(Debug)]
pub(crate) struct AmqpQueue {
    role: Role,
    publishing: BrokerConnection,
    consume: ConsumeContext,
    readiness: Readiness,
    admin: AdminClient,
    replies: OnceLock<Arc<PendingReplies>>,
    reply_sender: OnceLock<AmqpReplySender>,
    tasks: TaskTracker,
}

impl AmqpQueue {
    pub(crate) fn open(broker: BrokerAddress, config: &QueueConfig, role: Role) -> Self {
        let broker = Arc::new(broker);
        let publishing = BrokerConnection::new(Arc::clone(&broker), "leadgate publishing");
        let connection = BrokerConnection::new(broker, "leadgate consuming");
        let (shards, closing) = (ShardCount::new(config.shards), CancellationToken::new());
        let readiness = Readiness::not_ready(QueueFailure::Disconnected, "not connected to the broker yet");
        let (sender, publish_loop) =
            PublishLoop::new(publishing.clone(), config, shards.clone(), readiness.clone(), closing.clone());
        let unacked = UnackedDeliveries::default();
        let admin = AdminClient::new(
            publishing.clone(),
            connection.clone(),
            shards.clone(),
            config.message_version,
            unacked.clone(),
        );
        let consume = ConsumeContext {
            connection,
            shards,
            version: config.message_version,
            prefetch: config.prefetch,
            settle_timeout: config.confirm_timeout,
            sender,
            unacked,
            readiness: ConsumerReadiness::new(),
            stop: CancellationToken::new(),
            closing,
        };
        let (replies, reply_sender, tasks) = (OnceLock::new(), OnceLock::new(), TaskTracker::new());
        let amqp = Self { role, publishing, consume, readiness, admin, replies, reply_sender, tasks };
        if role.publishes() {
            amqp.spawn(publish_loop);
        }
        amqp
    }

    fn spawn(&self, mut task: impl ChannelTask + 'static) {
        self.tasks.spawn(async move { supervise(&mut task).await });
    }

    pub(crate) fn publish_sender(&self) -> AmqpPublishSender {
        self.consume.sender.clone()
    }

    /// Readiness of the publishing side.
    pub(crate) fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    pub(crate) fn consumer(&self) -> AmqpConsumer {
        let (handle, consume_loop) = ConsumeLoop::new(self.consume.clone());
        self.spawn(consume_loop);
        handle
    }

    pub(crate) fn replies(&self) -> Arc<PendingReplies> {
        let open = || {
            let pending = Arc::new(PendingReplies::new());
            let (connection, closing) = (self.consume.connection.clone(), self.consume.closing.clone());
            self.spawn(ReplyConsumer::new(connection, Arc::clone(&pending), closing));
            pending
        };
        Arc::clone(self.replies.get_or_init(open))
    }

    pub(crate) fn reply_sender(&self) -> AmqpReplySender {
        let open = || {
            let (sender, publisher) =
                ReplyPublisher::new(self.publishing.clone(), self.consume.closing.clone());
            self.tasks.spawn(publisher.run());
            sender
        };
        self.reply_sender.get_or_init(open).clone()
    }

    pub(crate) fn admin(&self) -> &AdminClient {
        &self.admin
    }

    /// Readiness of the sides that the role needs.
    fn required_readiness(&self) -> impl Iterator<Item = &Readiness> {
        let publishing = matches!(self.role, Role::Gateway | Role::AllInOne).then_some(&self.readiness);
        publishing.into_iter().chain(self.role.consumes().then(|| self.consume.readiness.readiness()))
    }

    pub(crate) fn status(&self) -> QueueStatus {
        self.required_readiness()
            .map(Readiness::status)
            .find(|status| !status.is_ready())
            .unwrap_or(QueueStatus::Ready)
    }

    pub(crate) async fn ready(&self) {
        for readiness in self.required_readiness() {
            readiness.ready().await;
        }
    }

    pub(crate) fn follow_shards(&self, mut installed: watch::Receiver<u16>) {
        let (shards, closing) = (self.consume.shards.clone(), self.consume.closing.clone());
        self.tasks.spawn(closing.run_until_cancelled_owned(async move {
            loop {
                shards.grow_to(*installed.borrow_and_update());
                if installed.changed().await.is_err() {
                    return;
                }
            }
        }));
    }

    pub(crate) fn stop_receiving(&self) {
        self.consume.stop.cancel();
    }

    pub(crate) async fn shutdown(&self) {
        self.stop_receiving();
        self.readiness.set_not_ready(QueueFailure::Closed, "shutting down");
        self.consume.closing.cancel();
        self.tasks.close();
        // A task that waits longer for the broker ends when its connection closes.
        timeout(self.consume.settle_timeout + CLOSE_TIMEOUT, self.tasks.wait()).await.ok();
        tokio::join!(self.publishing.close(), self.consume.connection.close());
    }
}
