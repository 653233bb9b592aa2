//! Looking at the broker's queues, and putting back what was parked.

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
use super::unacked::Unacked;
use super::{message, queue_names, topology};
use crate::admin::{ParkedMessage, ParkedSelection, QueueDepth};
use crate::error::QueueError;
use crate::shard_count::ShardCount;

/// Between two looks whether the broker has taken messages back.
const REQUEUE_TIMEOUT: Duration = Duration::from_millis(10);

/// Works over channels that are opened for one request each.
#[derive(Debug, Clone)]
pub(crate) struct AdminClient {
    publishing: BrokerConnection,
    consuming: BrokerConnection,
    shards: ShardCount,
    /// The message version that this build reads.
    version: u64,
    unacked: Unacked,
}

impl AdminClient {
    pub(crate) fn new(
        publishing: BrokerConnection,
        consuming: BrokerConnection,
        shards: ShardCount,
        version: u64,
        unacked: Unacked,
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
        let [parked, newer] = queue_names::parked(self.version);
        let parked = count(&channel, &parked).await?.messages;
        let newer = count(&channel, &newer).await?.messages;
        let oldest_age = self.unacked.oldest().map(|at| Timestamp::now().since(at));
        Ok(QueueDepth { ready, in_flight: self.unacked.count(), parked, newer, oldest_age, unconsumed })
    }

    pub(crate) async fn parked_list(&self, limit: usize) -> Result<Vec<ParkedMessage>, QueueError> {
        let channel = self.read_parked().await?;
        let listed = list(&channel, self.version, limit).await;
        close_channel(&channel).await;
        listed
    }

    pub(crate) async fn parked_replay(&self, selection: ParkedSelection) -> Result<usize, QueueError> {
        let channel = self.read_parked().await?;
        let replayed = self.replay(&channel, selection).await;
        close_channel(&channel).await;
        replayed
    }

    /// A channel for reading what is parked. Verified, because a queue that has a delivery limit loses what is read
    /// often. It is closed whatever happens, so that the broker takes back what was read.
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
        for queue in queue_names::parked(self.version) {
            replayed += replay(reading, &publishing, &queue, &mut selection).await?;
        }
        Ok(replayed)
    }
}

/// A channel with confirms.
struct PublishingChannel {
    connection: Arc<OpenConnection>,
    channel: OpenChannel,
}

async fn list(channel: &Channel, version: u64, limit: usize) -> Result<Vec<ParkedMessage>, QueueError> {
    let mut parked = Vec::new();
    for queue in queue_names::parked(version) {
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

/// Replays what is selected in one queue. Each message is acknowledged there only once the broker has confirmed it
/// elsewhere, one after the other: with a single message on its way no confirm can be mistaken for another's.
///
/// What is not selected is held unacknowledged until the end, so that each message is looked at once, and given back
/// then. Nothing is looked at after the last selected one.
async fn replay(
    reading: &Channel,
    publishing: &PublishingChannel,
    queue: &str,
    selection: &mut ParkedSelection,
) -> Result<usize, QueueError> {
    let (mut replayed, mut read) = (0, UnackedMessages::default());
    // Not until it is empty: a worker may park again what is replayed.
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
                "the broker takes no messages: memory or disk alarm".to_owned(),
            ));
        }
        republish(&publishing.channel, &message).await?;
        call(message.ack(BasicAckOptions::default())).await?;
        replayed += 1;
    }
    read.requeue(reading, queue).await?;
    Ok(replayed)
}

/// To the first shard: which organizations a message belongs to is not known here.
async fn republish(channel: &Channel, message: &BasicGetMessage) -> Result<(), QueueError> {
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let properties = message::properties(FieldTable::default());
    let (exchange, key) = (queue_names::EXCHANGE.into(), queue_names::shard(0).as_str().into());
    let published =
        async { channel.basic_publish(exchange, key, options, &message.data, properties).await?.await };
    match call(published).await? {
        Confirmation::Ack(None) => Ok(()),
        Confirmation::Nack(None) => Err(QueueError::Interrupted("the queue is full".to_owned())),
        Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)) => {
            Err(QueueError::Topology("no queue took the message: run `leadgate migrate`".to_owned()))
        }
        Confirmation::NotRequested => Err(QueueError::Interrupted("the channel does not confirm".to_owned())),
    }
}

/// Messages that were read and stay in the queue, unacknowledged until they are given back. Their payloads are not
/// kept.
#[derive(Default)]
struct UnackedMessages {
    count: u64,
    /// The last one's, and how many messages were left behind it.
    last: Option<(Acker, u64)>,
}

impl UnackedMessages {
    fn add(&mut self, message: BasicGetMessage) {
        self.count += 1;
        let left = u64::from(message.message_count);
        self.last = Some((message.delivery.acker, left));
    }

    /// Gives them back with one nack and waits until they lie in the queue again, so that the next look finds them.
    async fn requeue(self, channel: &Channel, queue: &str) -> Result<(), QueueError> {
        if let Some((last, left)) = self.last {
            call(last.nack(BasicNackOptions { multiple: true, requeue: true })).await?;
            // The broker answers nothing to a nack, and closing the channel does not wait for it either. Another
            // program may take messages meanwhile, so this is no error if it does not come true.
            let back = async {
                while count(channel, queue).await?.messages < left + self.count {
                    sleep(REQUEUE_TIMEOUT).await;
                }
                Ok(())
            };
            timeout(CALL_TIMEOUT, back).await.unwrap_or(Ok(()))?;
        }
        Ok(())
    }
}
