//! Looking at the broker's queues, and putting back what was parked.

use std::sync::{Arc, Mutex, PoisonError};
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

use super::held::Held;
use super::names::Queues;
use super::wire::{CALL_TIMEOUT, Endpoint, Wire, call, close};
use super::{message, names, topology};
use crate::shards::Shards;
use crate::{Depth, Parked, QueueError, Selection};

/// Between two looks whether the broker has taken messages back.
const GIVING_BACK: Duration = Duration::from_millis(10);

/// A connection of its own, opened when first needed and kept for the next time.
#[derive(Clone)]
pub(crate) struct Desk {
    endpoint: Endpoint,
    shards: Shards,
    /// The message version that this build reads.
    version: u64,
    held: Held,
    wire: Arc<Mutex<Option<Wire>>>,
}

impl Desk {
    pub(crate) fn new(endpoint: Endpoint, shards: Shards, version: u64, held: Held) -> Self {
        Self { endpoint, shards, version, held, wire: Arc::default() }
    }

    pub(crate) async fn depth(&self) -> Result<Depth, QueueError> {
        let wire = self.take_wire().await?;
        let channel = wire.channel().await?;
        let (mut ready, mut unconsumed) = (0, Vec::new());
        for queue in (Queues { shards: self.shards.count(), version: self.version }).consumed() {
            let Counts { messages, consumers } = count(&channel, &queue).await?;
            ready += messages;
            if consumers == 0 {
                unconsumed.push(queue);
            }
        }
        let [parked, newer] = names::parked(self.version);
        let parked = count(&channel, &parked).await?.messages;
        let newer = count(&channel, &newer).await?.messages;
        close(&channel).await;
        self.keep(wire);
        let oldest_age = self.held.oldest().map(|at| Timestamp::now().since(at));
        Ok(Depth { ready, in_flight: self.held.count(), parked, newer, oldest_age, unconsumed })
    }

    pub(crate) async fn parked_list(&self, limit: usize) -> Result<Vec<Parked>, QueueError> {
        let wire = self.take_verified_wire().await?;
        let channel = wire.channel().await?;
        let mut parked = Vec::new();
        for queue in names::parked(self.version) {
            let mut looked_at = LookedAt::default();
            while parked.len() < limit {
                let Some(message) = get(&channel, &queue).await? else { break };
                parked.push(describe(&message));
                looked_at.add(message);
            }
            looked_at.give_back(&channel, &queue).await?;
        }
        close(&channel).await;
        self.keep(wire);
        Ok(parked)
    }

    pub(crate) async fn parked_replay(&self, mut selection: Selection) -> Result<usize, QueueError> {
        let wire = self.take_verified_wire().await?;
        let channel = wire.channel().await?;
        call(channel.confirm_select(ConfirmSelectOptions::default())).await?;
        let mut replayed = 0;
        for queue in names::parked(self.version) {
            replayed += replay(&wire, &channel, &queue, &mut selection).await?;
        }
        close(&channel).await;
        self.keep(wire);
        Ok(replayed)
    }

    /// For reading what is parked: a queue that has a delivery limit loses what is read often.
    async fn take_verified_wire(&self) -> Result<Wire, QueueError> {
        let wire = self.take_wire().await?;
        topology::verify_parked(&wire, self.version).await?;
        Ok(wire)
    }

    async fn take_wire(&self) -> Result<Wire, QueueError> {
        let kept = self.wire.lock().unwrap_or_else(PoisonError::into_inner).take();
        match kept {
            Some(wire) if wire.connected() => Ok(wire),
            _ => Wire::connect(&self.endpoint, "leadgate admin").await,
        }
    }

    /// Only after everything went well: a wire with a doubtful channel is dropped instead.
    fn keep(&self, wire: Wire) {
        *self.wire.lock().unwrap_or_else(PoisonError::into_inner) = Some(wire);
    }

    pub(crate) async fn close(&self) {
        let kept = self.wire.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(wire) = kept {
            wire.close().await;
        }
    }
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Desk").finish_non_exhaustive()
    }
}

struct Counts {
    messages: u64,
    consumers: u32,
}

async fn count(channel: &Channel, queue: &str) -> Result<Counts, QueueError> {
    let options = QueueDeclareOptions { passive: true, ..Default::default() };
    let queue = call(channel.queue_declare(queue.into(), options, FieldTable::default())).await?;
    Ok(Counts { messages: u64::from(queue.message_count()), consumers: queue.consumer_count() })
}

async fn get(channel: &Channel, queue: &str) -> Result<Option<BasicGetMessage>, QueueError> {
    call(channel.basic_get(queue.into(), BasicGetOptions::default())).await
}

fn describe(message: &BasicGetMessage) -> Parked {
    Parked {
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
    wire: &Wire,
    channel: &Channel,
    queue: &str,
    selection: &mut Selection,
) -> Result<usize, QueueError> {
    let (mut replayed, mut looked_at) = (0, LookedAt::default());
    // Not until it is empty: a worker may park again what is replayed.
    for _ in 0..count(channel, queue).await?.messages {
        if selection.is_empty() {
            break;
        }
        let Some(message) = get(channel, queue).await? else { break };
        if !selection.take(&message::id(&message.properties, &message.data)) {
            looked_at.add(message);
            continue;
        }
        if wire.blocked() {
            return Err(QueueError::Interrupted(
                "the broker takes no messages: memory or disk alarm".to_owned(),
            ));
        }
        republish(channel, &message).await?;
        call(message.ack(BasicAckOptions::default())).await?;
        replayed += 1;
    }
    looked_at.give_back(channel, queue).await?;
    Ok(replayed)
}

/// To the first shard: which organizations a message belongs to is not known here.
async fn republish(channel: &Channel, message: &BasicGetMessage) -> Result<(), QueueError> {
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let properties = message::properties(FieldTable::default());
    let (exchange, key) = (names::EXCHANGE.into(), names::shard(0).as_str().into());
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
struct LookedAt {
    count: u64,
    /// The last one's, and how many messages were left behind it.
    last: Option<(Acker, u64)>,
}

impl LookedAt {
    fn add(&mut self, message: BasicGetMessage) {
        self.count += 1;
        let left = u64::from(message.message_count);
        self.last = Some((message.delivery.acker, left));
    }

    /// Gives them back with one nack and waits until they lie in the queue again, so that the next look finds them.
    async fn give_back(self, channel: &Channel, queue: &str) -> Result<(), QueueError> {
        if let Some((last, left)) = self.last {
            call(last.nack(BasicNackOptions { multiple: true, requeue: true })).await?;
            // The broker answers nothing to a nack, and closing the channel does not wait for it either. Another
            // program may take messages meanwhile, so this is no error if it does not come true.
            let back = async {
                while count(channel, queue).await?.messages < left + self.count {
                    sleep(GIVING_BACK).await;
                }
                Ok(())
            };
            timeout(CALL_TIMEOUT, back).await.unwrap_or(Ok(()))?;
        }
        Ok(())
    }
}
