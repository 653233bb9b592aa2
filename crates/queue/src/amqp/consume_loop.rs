//! The consuming side. Each consumer has a task with one channel.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{BoxStream, SelectAll};
use futures_util::{StreamExt, stream};
use lapin::Acker;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::ack_handle::AmqpAckHandle;
use super::connection::{BrokerConnection, CALL_TIMEOUT, OpenChannel, OpenConnection, call};
use super::consumer_readiness::{ConsumerGuard, ConsumerReadiness};
use super::publish_queue::AmqpPublishSender;
use super::queue_names::{self, QueueNames};
use super::supervise::{ChannelTask, Interruption};
use super::unacked::UnackedDeliveries;
use super::{message, topology};
use crate::error::QueueError;
use crate::raw_delivery::RawDelivery;
use crate::shard_count::ShardCount;

/// Whether a consumer should receive messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConsumerMode {
    Paused,
    Consuming,
}

/// The handle of a [`ConsumeLoop`]. The loop ends when the handle is dropped.
#[derive(Debug)]
pub(crate) struct AmqpConsumer {
    mode: watch::Sender<ConsumerMode>,
    /// Whether the loop has a channel, on which messages may be unacknowledged.
    consuming: watch::Receiver<bool>,
    deliveries: mpsc::UnboundedReceiver<RawDelivery<AmqpAckHandle>>,
    stop: CancellationToken,
}

impl AmqpConsumer {
    /// `None` after the queue was stopped.
    pub(crate) async fn receive(&mut self, max: usize) -> Option<Vec<RawDelivery<AmqpAckHandle>>> {
        self.set_mode(ConsumerMode::Consuming);
        loop {
            let first = tokio::select! {
                biased;
                () = self.stop.cancelled() => None,
                first = self.deliveries.recv() => first,
            };
            let Some(first) = first else {
                self.requeue_buffered();
                return None;
            };
            let mut batch = vec![first];
            while batch.len() < max
                && let Ok(next) = self.deliveries.try_recv()
            {
                batch.push(next);
            }
            // The broker redelivers the messages of a lost channel.
            batch.retain(|delivery| delivery.handle.is_valid());
            if !batch.is_empty() {
                return Some(batch);
            }
        }
    }

    pub(crate) async fn requeue_all(&mut self) {
        self.set_mode(ConsumerMode::Paused);
        // Closing the channel has a time limit. If the loop has ended, the channel is closed.
        self.consuming.wait_for(|consuming| !consuming).await.ok();
        self.requeue_buffered();
    }

    fn set_mode(&self, mode: ConsumerMode) {
        self.mode.send_if_modified(|current| std::mem::replace(current, mode) != mode);
    }

    fn requeue_buffered(&mut self) {
        while self.deliveries.try_recv().is_ok() {}
    }
}

/// What all consumers of a queue have in common.
#[derive(Debug, Clone)]
pub(crate) struct ConsumeContext {
    pub(crate) connection: BrokerConnection,
    pub(crate) shards: ShardCount,
    /// The message version that this build reads.
    pub(crate) version: u64,
    pub(crate) prefetch: u16,
    /// Time limit for settling a delivery.
    pub(crate) settle_timeout: Duration,
    pub(crate) sender: AmqpPublishSender,
    pub(crate) unacked: UnackedDeliveries,
    pub(crate) readiness: ConsumerReadiness,
    pub(crate) stop: CancellationToken,
    pub(crate) closing: CancellationToken,
}

impl ConsumeContext {
    fn queues(&self, shards: u16) -> QueueNames {
        QueueNames { shards, version: self.version }
    }
}

pub(crate) struct ConsumeLoop {
    context: ConsumeContext,
    readiness: ConsumerGuard,
    mode: watch::Receiver<ConsumerMode>,
    consuming: watch::Sender<bool>,
    deliveries: mpsc::UnboundedSender<RawDelivery<AmqpAckHandle>>,
}

/// A channel with a consumer for each queue.
struct ConsumingChannel {
    channel: OpenChannel,
    shards: watch::Receiver<u16>,
    /// Number of shards that are consumed.
    consumed_shards: u16,
    tags: Vec<String>,
    arrivals: SelectAll<BoxStream<'static, Arrival>>,
}

enum Arrival {
    Message(Box<lapin::message::Delivery>),
    /// The broker cancelled a consumer, or its channel ended.
    Ended(String),
}

impl ConsumingChannel {
    /// Creates the channel without a consumer.
    fn new(channel: OpenChannel, mut shards: watch::Receiver<u16>) -> Self {
        let consumed_shards = *shards.borrow_and_update();
        Self { channel, shards, consumed_shards, tags: Vec::new(), arrivals: SelectAll::new() }
    }

    async fn consume(&mut self, queue: String) -> Result<(), QueueError> {
        let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
        let consumer =
            call(self.channel.basic_consume(queue.as_str().into(), "".into(), options, arguments)).await?;
        self.tags.push(consumer.tag().to_string());
        self.arrivals.push(arrivals(consumer, queue));
        Ok(())
    }

    /// Starts to consume the shards that were added.
    async fn consume_new_shards(&mut self) -> Result<(), QueueError> {
        let count = *self.shards.borrow_and_update();
        for shard in self.consumed_shards..count {
            self.consume(queue_names::shard_queue(shard)).await?;
        }
        self.consumed_shards = count;
        Ok(())
    }

    /// Cancels all consumers. Delivered messages can still be settled.
    async fn cancel(&mut self) {
        for tag in &self.tags {
            // If the broker does not answer, messages that it still sends are requeued at the end.
            let options = BasicCancelOptions { nowait: true };
            timeout(CALL_TIMEOUT, self.channel.basic_cancel(tag.as_str().into(), options)).await.ok();
        }
    }
}

impl ConsumeLoop {
    pub(crate) fn new(context: ConsumeContext) -> (AmqpConsumer, Self) {
        let (mode_sender, mode) = watch::channel(ConsumerMode::Paused);
        let (consuming, consuming_receiver) = watch::channel(false);
        let (sender, deliveries) = mpsc::unbounded_channel();
        let (stop, readiness) = (context.stop.clone(), context.readiness.add_consumer());
        let handle = AmqpConsumer { mode: mode_sender, consuming: consuming_receiver, deliveries, stop };
        (handle, Self { context, readiness, mode, consuming, deliveries: sender })
    }

    /// Waits until the consumer is dropped or the queue closes.
    async fn consumer_closed(&self) {
        tokio::select! {
            () = self.deliveries.closed() => {}
            () = self.context.closing.cancelled() => {}
        }
    }

    /// Consumes and pauses as the handle requests.
    async fn run_mode(&mut self, connection: &OpenConnection) -> Result<(), Interruption> {
        let mut mode = self.mode.clone();
        loop {
            if *mode.borrow() == ConsumerMode::Paused {
                self.set_connected();
            }
            tokio::select! {
                biased;
                () = self.consumer_closed() => return Ok(()),
                interruption = connection.lost() => return Err(interruption),
                () = changed_to(&mut mode, ConsumerMode::Consuming) => {}
            }
            self.consuming.send_replace(true);
            let channel = connection.channel().await?;
            let mut consuming = ConsumingChannel::new(channel, self.context.shards.subscribe());
            let result = self.consume(&mut consuming, connection).await;
            // Also after an error: consumers that were started may have deliveries.
            connection.close_channel_or_disconnect(&consuming.channel).await;
            self.consuming.send_replace(false);
            result?;
        }
    }

    async fn consume(
        &mut self,
        consuming: &mut ConsumingChannel,
        connection: &OpenConnection,
    ) -> Result<(), Interruption> {
        let options = BasicQosOptions { global: false };
        call(consuming.channel.basic_qos(self.context.prefetch, options)).await?;
        for queue in self.context.queues(consuming.consumed_shards).consumed() {
            consuming.consume(queue).await?;
        }
        self.set_connected();
        tokio::select! {
            result = self.forward_all(consuming, connection) => result,
            () = self.consumer_closed() => Ok(()),
        }
    }

    fn set_connected(&mut self) {
        if self.readiness.set_connected() {
            tracing::info!(queue.link = Self::LINK, "connected for consuming");
        }
    }

    /// Forwards deliveries to the handle until it pauses the consumer.
    async fn forward_all(
        &self,
        consuming: &mut ConsumingChannel,
        connection: &OpenConnection,
    ) -> Result<(), Interruption> {
        let (mut mode, mut stopped) = (self.mode.clone(), false);
        loop {
            tokio::select! {
                biased;
                () = changed_to(&mut mode, ConsumerMode::Paused) => return Ok(()),
                interruption = connection.lost() => return Err(interruption),
                () = self.context.stop.cancelled(), if !stopped => {
                    stopped = true;
                    consuming.cancel().await;
                }
                Ok(()) = consuming.shards.changed(), if !stopped => consuming.consume_new_shards().await?,
                arrival = consuming.arrivals.next(), if !stopped => match arrival {
                    Some(Arrival::Message(delivery)) => self.forward(*delivery),
                    Some(Arrival::Ended(reason)) => return Err(Interruption::disconnected(reason)),
                    None => return Err(Interruption::disconnected("all consumers ended")),
                },
            }
        }
    }

    fn forward(&self, delivery: lapin::message::Delivery) {
        let lapin::message::Delivery { data, properties, redelivered, acker, .. } = delivery;
        let published_at = message::published_at(&properties);
        let raw = RawDelivery {
            payload: data.into(),
            delivery_count: message::delivery_count(&properties, redelivered),
            published_at,
            handle: self.ack_handle(acker, published_at),
        };
        // The send fails if the consumer was dropped. The delivery is then dropped here, which requeues it.
        self.deliveries.send(raw).ok();
    }

    fn ack_handle(&self, acker: Acker, published_at: Option<leadgate_domain::Timestamp>) -> AmqpAckHandle {
        let ConsumeContext { sender, settle_timeout, unacked, .. } = &self.context;
        AmqpAckHandle::new(acker, sender.clone(), *settle_timeout, unacked.add(published_at))
    }
}

impl ChannelTask for ConsumeLoop {
    const LINK: &'static str = "consumer";
    /// Only the connection: there is a channel only in [`ConsumerMode::Consuming`].
    type Open = Arc<OpenConnection>;

    fn open(&self) -> BoxFuture<'static, Result<Self::Open, QueueError>> {
        let ConsumeContext { connection, shards, version, .. } = self.context.clone();
        async move {
            let connection = connection.get().await?;
            let verify = async {
                let count = shards.count();
                topology::verify(&connection, QueueNames { shards: count, version }).await?;
                shards.grow_to(topology::count_shards(&connection, count).await?);
                Ok(())
            };
            connection.verify_once(verify).await?;
            Ok(connection)
        }
        .boxed()
    }

    async fn without_channel(&mut self) {
        self.consumer_closed().await;
    }

    async fn serve(&mut self, connection: Self::Open) -> Result<(), Interruption> {
        let result = self.run_mode(&connection).await;
        self.consuming.send_replace(false);
        if result.is_err() {
            connection.discard_verification();
        }
        result
    }

    fn interrupted(&mut self, Interruption { reason, .. }: &Interruption) {
        if self.readiness.set_disconnected(reason) {
            tracing::warn!(queue.link = Self::LINK, queue.reason = reason, "consuming is interrupted");
        }
    }
}

fn arrivals(consumer: lapin::Consumer, queue: String) -> BoxStream<'static, Arrival> {
    let ended = format!("the broker ended the consumer of queue `{queue}`");
    let messages = consumer.map(|delivery| match delivery {
        Ok(delivery) => Arrival::Message(Box::new(delivery)),
        Err(error) => Arrival::Ended(error.to_string()),
    });
    messages.chain(stream::iter([Arrival::Ended(ended)])).boxed()
}

/// Waits until the handle requests this mode or is dropped.
async fn changed_to(mode: &mut watch::Receiver<ConsumerMode>, wanted: ConsumerMode) {
    mode.wait_for(|mode| *mode == wanted).await.ok();
}
