//! Which messages are in whose hands. What is here can be lost: the file has the messages.

use std::collections::{BTreeMap, HashMap};

use super::command::{LaneId, Place};
use super::file::Row;

#[derive(Debug)]
pub(crate) struct Reading {
    /// No message up to here is waiting in the file only.
    pub(crate) cursor: i64,
    /// Whether the file may have messages after the cursor.
    pub(crate) more: bool,
    /// The highest id that the file knows to have been handed out.
    pub(crate) high_water: i64,
    in_flight: HashMap<i64, Held>,
    /// Given back, with how often they were handed out since this start.
    returned: BTreeMap<i64, u32>,
    /// Done with, and not yet deleted.
    settled: Vec<Done>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    lane: LaneId,
    bytes: u64,
    times: u32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Done {
    pub(crate) id: i64,
    pub(crate) bytes: u64,
}

impl Reading {
    pub(crate) fn new() -> Self {
        Self {
            cursor: 0,
            more: true,
            high_water: 0,
            in_flight: HashMap::new(),
            returned: BTreeMap::new(),
            settled: Vec::new(),
        }
    }

    /// Hands a row to a lane; returns how often it was handed out before, as far as is known.
    pub(crate) fn hand_out(&mut self, row: &Row, lane: LaneId) -> u32 {
        let before = self.returned.remove(&row.id).unwrap_or(0);
        self.cursor = self.cursor.max(row.id);
        self.high_water = self.high_water.max(row.id);
        let bytes = u64::try_from(row.payload.len()).unwrap_or(u64::MAX);
        self.in_flight.insert(row.id, Held { lane, bytes, times: before + 1 });
        row.deliveries.saturating_add(before)
    }

    /// The message is done with. False if this lane does not hold it any more.
    pub(crate) fn ack(&mut self, place: Place) -> bool {
        let held = self.take(place);
        self.settled.extend(held.map(|held| Done { id: place.id, bytes: held.bytes }));
        held.is_some()
    }

    pub(crate) fn give_back(&mut self, place: Place) {
        if let Some(held) = self.take(place) {
            self.returned.insert(place.id, held.times);
        }
    }

    pub(crate) fn holds(&self, place: Place) -> bool {
        self.in_flight.get(&place.id).is_some_and(|held| held.lane == place.lane)
    }

    /// The message was moved elsewhere by what was just committed; returns its size.
    pub(crate) fn moved(&mut self, place: Place) -> u64 {
        self.take(place).map_or(0, |held| held.bytes)
    }

    pub(crate) fn release(&mut self, lane: LaneId) {
        for (id, held) in self.in_flight.extract_if(|_, held| held.lane == lane) {
            self.returned.insert(id, held.times);
        }
    }

    /// Given back and gone from the file: somebody else removed it.
    pub(crate) fn forget(&mut self, id: i64) {
        self.returned.remove(&id);
    }

    pub(crate) fn returned(&self, limit: usize) -> Vec<i64> {
        self.returned.keys().copied().take(limit).collect()
    }

    pub(crate) fn has_work(&self) -> bool {
        self.more || !self.returned.is_empty()
    }

    pub(crate) fn settled(&self) -> &[Done] {
        &self.settled
    }

    /// How much room the next commit makes.
    pub(crate) fn settled_bytes(&self) -> u64 {
        self.settled.iter().map(|done| done.bytes).sum()
    }

    /// What was settled has been deleted; returns how much that was.
    pub(crate) fn deleted(&mut self) -> (u64, u64) {
        let bytes = self.settled_bytes();
        let count = u64::try_from(self.settled.len()).unwrap_or(u64::MAX);
        self.settled.clear();
        (count, bytes)
    }

    pub(crate) fn in_flight(&self) -> u64 {
        u64::try_from(self.in_flight.len()).unwrap_or(u64::MAX)
    }

    fn take(&mut self, place: Place) -> Option<Held> {
        let held = *self.in_flight.get(&place.id)?;
        (held.lane == place.lane).then(|| self.in_flight.remove(&place.id)).flatten()
    }
}
