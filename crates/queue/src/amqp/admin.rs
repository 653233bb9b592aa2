//! Reads queue depths, and lists and replays parked messages.

use std::sync::Arc;
use std::time::Duration;

use lapin::message::BasicGetMessage;
use lapin::options::{
    BasicAckOptions, BasicGetOptions, BasicNackOptions, BasicPublishOptions, ConfirmSelectOptions,
    QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{Acker, Channel, Confirmation};
use leadgate_domain::Timestamp;
use tokio::time::{sleep, timeout};

use super::connection::{BrokerConnection, CALL_TIMEOUT, OpenChannel, OpenConnection, call, close_channel};
use super::queue_names::QueueNames;
use super::unacked::UnackedDeliveries;
use super::{message, queue_names, topology};
use crate::admin::{ParkedMessage, ParkedSelection, QueueDepth};
use crate::error::QueueError;
use crate::shard_count::ShardCount;

/// How often a requeue is checked for completion.
const REQUEUE_POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Opens a separate channel for each request.
#[derive(Debug, Clone)]
pub(crate) struct AdminClient {
    publishing: BrokerConnection,
    consuming: BrokerConnection,
    shards: ShardCount,
    /// The message version that this build reads.
    version: u64,
    unacked: UnackedDeliveries,
}

impl AdminClient {
    pub(crate) fn new(
        publishing: BrokerConnection,
        consuming: BrokerConnection,
        shards: ShardCount,
        version: u64,
        unacked: UnackedDeliveries,
    ) -> Self {
        Self { publishing, consuming, shards, version, unacked }
    }

    pub(crate) async fn depth(&self) -> Result<QueueDepth, QueueError> {
        let channel = self.consuming.get().await?.channel().await?;
        let (mut ready, mut unconsumed) = (0, Vec::new());
        for queue in (QueueNames { shards: self.shards.count(), version: self.version }).consumed() {
            let QueueCounts { messages, consumers } = count(&channel, &queue).await?;
            ready += messages;
            if consumers == 0 {
                unconsumed.push(queue);
            }
        }
        let [parked, newer] = queue_names::parked_queues(self.version);
        let parked = count(&channel, &parked).await?.messages;
        let newer = count(&channel, &newer).await?.messages;
        let oldest_age = self.unacked.oldest().map(|at| Timestamp::now().since(at));
        Ok(QueueDepth { ready, in_flight: self.unacked.count(), parked, newer, oldest_age, unconsumed })
    }

    pub(crate) async fn list_parked(&self, limit: usize) -> Result<Vec<ParkedMessage>, QueueError> {
        let channel = self.read_parked().await?;
        let list = list(&channel, self.version, limit).await;
        close_channel(&channel).await;
        list
    }

    pub(crate) async fn replay_parked(&self, selection: ParkedSelection) -> Result<usize, QueueError> {
        let channel = self.read_parked().await?;
        let replayed = self.replay(&channel, selection).await;
        close_channel(&channel).await;
        replayed
    }

    /// Opens a channel for reading parked messages. Verifies the queues first, because a queue with a
    /// delivery limit drops messages that are read often. The caller closes the channel in any case, so that
    /// the broker requeues what was read.
    async fn read_parked(&self) -> Result<OpenChannel, QueueError> {
        let connection = self.consuming.get().await?;
        topology::verify_parked(&connection, self.version).await?;
        connection.channel().await
    }

    async fn replay(&self, reading: &Channel, mut selection: ParkedSelection) -> Result<usize, QueueError> {
        let connection = self.publishing.get().await?;
        let channel = connection.channel().await?;
        call(channel.confirm_select(ConfirmSelectOptions::default())).await?;
        let publishing = PublishingChannel { connection, channel };
        let mut replayed = 0;
        for queue in queue_names::parked_queues(self.version) {
            replayed += replay(reading, &publishing, &queue, &mut selection).await?;
        }
        Ok(replayed)
    }
}

/// A channel with publisher confirms.
struct PublishingChannel {
    connection: Arc<OpenConnection>,
    channel: OpenChannel,
}

async fn list(channel: &Channel, version: u64, limit: usize) -> Result<Vec<ParkedMessage>, QueueError> {
    let mut parked = Vec::new();
    for queue in queue_names::parked_queues(version) {
        let mut read = UnackedMessages::default();
        while parked.len() < limit {
            let Some(message) = get(channel, &queue).await? else { break };
            parked.push(describe(&message));
            read.add(message);
        }
        read.requeue(channel, &queue).await?;
    }
    Ok(parked)
}

struct QueueCounts {
    messages: u64,
    consumers: u32,
}

async fn count(channel: &Channel, queue: &str) -> Result<QueueCounts, QueueError> {
    let options = QueueDeclareOptions { passive: true, ..Default::default() };
    let queue = call(channel.queue_declare(queue.into(), options, FieldTable::default())).await?;
    Ok(QueueCounts { messages: u64::from(queue.message_count()), consumers: queue.consumer_count() })
}

async fn get(channel: &Channel, queue: &str) -> Result<Option<BasicGetMessage>, QueueError> {
    call(channel.basic_get(queue.into(), BasicGetOptions::default())).await
}

fn describe(message: &BasicGetMessage) -> ParkedMessage {
    ParkedMessage {
        id: message::id(&message.properties, &message.data),
        reason: message::reason(&message.properties),
        parked_at: message::parked_at(&message.properties),
        bytes: message.data.len(),
    }
}

/// Replays the selected messages of one queue, one by one. A message is acknowledged in that queue after the
/// broker has confirmed its new copy. With a single publish in flight, confirms cannot be mixed up.
///
/// Messages that are not selected stay unacknowledged until the end and are then requeued, so that each
/// message is read once. Reading stops after the last selected message.
async fn replay(
    reading: &Channel,
    publishing: &PublishingChannel,
    queue: &str,
    selection: &mut ParkedSelection,
) -> Result<usize, QueueError> {
    let (mut replayed, mut read) = (0, UnackedMessages::default());
    // Not until the queue is empty, because a worker may park a replayed message again.
    for _ in 0..count(reading, queue).await?.messages {
        if selection.is_empty() {
            break;
        }
        let Some(message) = get(reading, queue).await? else { break };
        if !selection.take(&message::id(&message.properties, &message.data)) {
            read.add(message);
            continue;
        }
        if publishing.connection.is_blocked() {
            return Err(QueueError::Interrupted(
                "the broker blocks publishers (memory or disk alarm): retry after the alarm".to_owned(),
            ));
        }
        republish(&publishing.channel, &message).await?;
        call(message.ack(BasicAckOptions::default())).await?;
        replayed += 1;
    }
    read.requeue(reading, queue).await?;
    Ok(replayed)
}

/// Publishes to the first shard, because the organizations in a message are not known here.
async fn republish(channel: &Channel, message: &BasicGetMessage) -> Result<(), QueueError> {
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let properties = message::properties(FieldTable::default());
    let (exchange, key) = (queue_names::LEAD_EXCHANGE.into(), queue_names::shard_queue(0).as_str().into());
    let published =
        async { channel.basic_publish(exchange, key, options, &message.data, properties).await?.await };
    match call(published).await? {
        Confirmation::Ack(None) => Ok(()),
        Confirmation::Nack(None) => Err(QueueError::Interrupted("the queue is full".to_owned())),
        Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)) => Err(QueueError::Topology(
            "the message was not routed to a queue: run `leadgate migrate`".to_owned(),
        )),
        Confirmation::NotRequested => {
            Err(QueueError::Interrupted("the channel has no publisher confirms".to_owned()))
        }
    }
}

/// Messages that were read and are unacknowledged until they are requeued. Their payloads are not kept.
#[derive(Default)]
struct UnackedMessages {
    count: u64,
    /// The acker of the last message, and the number of messages behind it.
    last: Option<(Acker, u64)>,
}

impl UnackedMessages {
    fn add(&mut self, message: BasicGetMessage) {
        self.count += 1;
        let left = u64::from(message.message_count);
        self.last = Some((message.delivery.acker, left));
    }

    /// Requeues the messages with one nack, and waits until they are in the queue again, so that the next
    /// read finds them.
    async fn requeue(self, channel: &Channel, queue: &str) -> Result<(), QueueError> {
        if let Some((last, left)) = self.last {
            call(last.nack(BasicNackOptions { multiple: true, requeue: true })).await?;
            // The broker does not answer a nack, and closing the channel does not wait for it. A time-out is
            // not an error, because another program may consume messages meanwhile.
            let requeued = async {
                while count(channel, queue).await?.messages < left + self.count {
                    sleep(REQUEUE_POLL_INTERVAL).await;
                }
                Ok(())
            };
            timeout(CALL_TIMEOUT, requeued).await.unwrap_or(Ok(()))?;
        }
        Ok(())
    }
}
