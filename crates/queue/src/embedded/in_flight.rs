//! Which consumer has which messages. This state can be lost, because the file contains the messages.

use std::collections::{BTreeMap, HashMap};

use super::rows::MessageRow;
use super::writer_command::{ConsumerId, DeliveryTag};

#[derive(Debug)]
pub(crate) struct InFlightMessages {
    /// All messages up to this id were read from the file.
    pub(crate) cursor: i64,
    /// Whether the file may contain messages after the cursor.
    pub(crate) may_have_more: bool,
    /// The highest delivered id that is recorded in the file.
    pub(crate) highest_delivered: i64,
    entries: HashMap<i64, InFlightEntry>,
    /// Requeued messages, with the number of their deliveries since this start.
    requeued: BTreeMap<i64, u32>,
    /// Settled messages that are not deleted yet.
    settled: Vec<SettledMessage>,
}

#[derive(Debug, Clone, Copy)]
struct InFlightEntry {
    consumer: ConsumerId,
    bytes: u64,
    delivery_count: u32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct SettledMessage {
    pub(crate) id: i64,
    pub(crate) bytes: u64,
}

impl InFlightMessages {
    pub(crate) fn new() -> Self {
        Self {
            cursor: 0,
            may_have_more: true,
            highest_delivered: 0,
            entries: HashMap::new(),
            requeued: BTreeMap::new(),
            settled: Vec::new(),
        }
    }

    /// Records the delivery of a row to a consumer. Returns the number of earlier deliveries, as far as
    /// known.
    pub(crate) fn record_delivery(&mut self, row: &MessageRow, consumer: ConsumerId) -> u32 {
        let before = self.requeued.remove(&row.id).unwrap_or(0);
        self.cursor = self.cursor.max(row.id);
        self.highest_delivered = self.highest_delivered.max(row.id);
        let bytes = u64::try_from(row.payload.len()).unwrap_or(u64::MAX);
        self.entries.insert(row.id, InFlightEntry { consumer, bytes, delivery_count: before + 1 });
        row.delivery_count.saturating_add(before)
    }

    /// Settles a message. Returns false if this consumer no longer has it.
    pub(crate) fn ack(&mut self, tag: DeliveryTag) -> bool {
        let entry = self.take(tag);
        self.settled.extend(entry.map(|entry| SettledMessage { id: tag.id, bytes: entry.bytes }));
        entry.is_some()
    }

    pub(crate) fn requeue(&mut self, tag: DeliveryTag) {
        if let Some(entry) = self.take(tag) {
            self.requeued.insert(tag.id, entry.delivery_count);
        }
    }

    pub(crate) fn is_in_flight(&self, tag: DeliveryTag) -> bool {
        self.entries.get(&tag.id).is_some_and(|entry| entry.consumer == tag.consumer)
    }

    /// Removes a message that the last commit moved to the parked messages. Returns its size.
    pub(crate) fn remove_parked(&mut self, tag: DeliveryTag) -> u64 {
        self.take(tag).map_or(0, |entry| entry.bytes)
    }

    pub(crate) fn requeue_all(&mut self, consumer: ConsumerId) {
        for (id, entry) in self.entries.extract_if(|_, entry| entry.consumer == consumer) {
            self.requeued.insert(id, entry.delivery_count);
        }
    }

    /// Removes a requeued message that is no longer in the file, because another process removed it.
    pub(crate) fn remove_missing(&mut self, id: i64) {
        self.requeued.remove(&id);
    }

    pub(crate) fn requeued(&self, limit: usize) -> Vec<i64> {
        self.requeued.keys().copied().take(limit).collect()
    }

    pub(crate) fn has_work(&self) -> bool {
        self.may_have_more || !self.requeued.is_empty()
    }

    pub(crate) fn settled(&self) -> &[SettledMessage] {
        &self.settled
    }

    /// Number of bytes that the next commit frees.
    pub(crate) fn settled_bytes(&self) -> u64 {
        self.settled.iter().map(|message| message.bytes).sum()
    }

    /// Called after the settled messages were deleted. Returns their number and bytes.
    pub(crate) fn clear_settled(&mut self) -> (u64, u64) {
        let bytes = self.settled_bytes();
        let count = u64::try_from(self.settled.len()).unwrap_or(u64::MAX);
        self.settled.clear();
        (count, bytes)
    }

    pub(crate) fn count(&self) -> u64 {
        u64::try_from(self.entries.len()).unwrap_or(u64::MAX)
    }

    fn take(&mut self, tag: DeliveryTag) -> Option<InFlightEntry> {
        let entry = *self.entries.get(&tag.id)?;
        (entry.consumer == tag.consumer).then(|| self.entries.remove(&tag.id)).flatten()
    }
}
