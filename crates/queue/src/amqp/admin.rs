//! Looking at the broker's queues, and putting back what was parked.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapin::message::BasicGetMessage;
use lapin::options::{
    BasicAckOptions, BasicGetOptions, BasicNackOptions, BasicPublishOptions, ConfirmSelectOptions,
    QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Confirmation};
use leadgate_domain::Timestamp;
use tokio::time::{sleep, timeout};

use super::held::Held;
use super::wire::{CALL_TIMEOUT, Endpoint, Wire, call, close};
use super::{message, names};
use crate::{Depth, Parked, QueueError, Selection};

/// Between two looks whether the broker has taken messages back.
const GIVING_BACK: Duration = Duration::from_millis(10);

/// A connection of its own, opened when first needed and kept for the next time.
#[derive(Clone)]
pub(crate) struct Desk {
    endpoint: Endpoint,
    shards: u16,
    held: Held,
    wire: Arc<Mutex<Option<Wire>>>,
}

impl Desk {
    pub(crate) fn new(endpoint: Endpoint, shards: u16, held: Held) -> Self {
        Self { endpoint, shards, held, wire: Arc::default() }
    }

    pub(crate) async fn depth(&self) -> Result<Depth, QueueError> {
        let wire = self.take_wire().await?;
        let channel = wire.channel().await?;
        let mut ready = 0;
        for queue in names::consumed(self.shards) {
            ready += count(&channel, &queue).await?;
        }
        let parked = count(&channel, names::PARKED).await?;
        close(&channel).await;
        self.keep(wire);
        let oldest_age = self.held.oldest().map(|at| Timestamp::now().since(at));
        Ok(Depth { ready, in_flight: self.held.count(), parked, oldest_age })
    }

    pub(crate) async fn parked_list(&self, limit: usize) -> Result<Vec<Parked>, QueueError> {
        let wire = self.take_wire().await?;
        let channel = wire.channel().await?;
        let mut messages = Vec::new();
        while messages.len() < limit {
            let Some(message) = get(&channel).await? else { break };
            messages.push(message);
        }
        let parked = messages.iter().map(describe).collect();
        give_back(&channel, messages).await?;
        self.keep(wire);
        Ok(parked)
    }

    /// Each message is acknowledged in `parked` only once the broker has confirmed it elsewhere, one after
    /// the other: with a single message on its way no confirm can be mistaken for another's.
    pub(crate) async fn parked_replay(&self, selection: &Selection) -> Result<usize, QueueError> {
        let wire = self.take_wire().await?;
        let channel = wire.channel().await?;
        call(channel.confirm_select(ConfirmSelectOptions::default())).await?;
        let (mut replayed, mut kept) = (0, Vec::new());
        // Not until it is empty: a worker may park again what is replayed.
        for turn in 0..count(&channel, names::PARKED).await? {
            let Some(message) = get(&channel).await? else { break };
            if !selection.has(&message::id(&message.properties, &message.data)) {
                kept.push(message);
                continue;
            }
            if wire.blocked() {
                return Err(QueueError::Interrupted(
                    "the broker takes no messages: memory or disk alarm".to_owned(),
                ));
            }
            republish(&channel, &message, self.shard(turn)).await?;
            call(message.ack(BasicAckOptions::default())).await?;
            replayed += 1;
        }
        give_back(&channel, kept).await?;
        self.keep(wire);
        Ok(replayed)
    }

    fn shard(&self, turn: u64) -> String {
        names::shard(u16::try_from(turn % u64::from(self.shards)).unwrap_or(0))
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

async fn count(channel: &Channel, queue: &str) -> Result<u64, QueueError> {
    let options = QueueDeclareOptions { passive: true, ..Default::default() };
    let queue = call(channel.queue_declare(queue.into(), options, FieldTable::default())).await?;
    Ok(u64::from(queue.message_count()))
}

async fn get(channel: &Channel) -> Result<Option<BasicGetMessage>, QueueError> {
    call(channel.basic_get(names::PARKED.into(), BasicGetOptions::default())).await
}

fn describe(message: &BasicGetMessage) -> Parked {
    Parked {
        id: message::id(&message.properties, &message.data),
        reason: message::reason(&message.properties),
        parked_at: message::parked_at(&message.properties),
        bytes: message.data.len(),
    }
}

async fn republish(channel: &Channel, message: &BasicGetMessage, shard: String) -> Result<(), QueueError> {
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let properties = message::properties(FieldTable::default());
    let (exchange, key) = (names::EXCHANGE.into(), shard.as_str().into());
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

/// Gives back what was looked at and waits until it lies in the queue again, so that the next look finds it.
async fn give_back(channel: &Channel, looked_at: Vec<BasicGetMessage>) -> Result<(), QueueError> {
    if let Some(last) = looked_at.last() {
        let there = u64::from(last.message_count) + u64::try_from(looked_at.len()).unwrap_or(0);
        call(last.nack(BasicNackOptions { multiple: true, requeue: true })).await?;
        // The broker answers nothing to a nack, and closing the channel does not wait for it either. Somebody
        // else may take messages meanwhile, so this is no error if it does not come true.
        let back = async {
            while count(channel, names::PARKED).await? < there {
                sleep(GIVING_BACK).await;
            }
            Ok(())
        };
        timeout(CALL_TIMEOUT, back).await.unwrap_or(Ok(()))?;
    }
    close(channel).await;
    Ok(())
}
