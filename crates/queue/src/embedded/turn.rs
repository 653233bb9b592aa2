//! What waits for one transaction, and how each part is answered once its fate is known.

use bytes::Bytes;
use leadgate_domain::Timestamp;
use tokio::sync::oneshot;

use super::command::{Place, Request};
use super::file::{Fault, File, Row};
use super::reading::Reading;
use crate::delivery::Ticket as AnyTicket;
use crate::group::{Group, Limits, Waiting};
use crate::{Cause, Delivery, ParkReason, Refused, Settled};

/// Publishes and parkings that one commit makes durable together.
#[derive(Default)]
pub(crate) struct Turn {
    groups: Vec<Group>,
    messages: Vec<Vec<u8>>,
    parks: Vec<Parking>,
    parts: Vec<PartParking>,
}

struct Parking {
    place: Place,
    why: ParkReason,
    answer: oneshot::Sender<Settled>,
}

struct PartParking {
    part: Bytes,
    why: ParkReason,
    answer: oneshot::Sender<Settled>,
}

/// What a transaction found and did.
pub(crate) struct Committed {
    pub(crate) rows: Vec<Row>,
    /// Given back, but no longer in the file.
    gone: Vec<i64>,
    /// Whether fewer rows were there than were wanted.
    exhausted: bool,
}

impl Turn {
    pub(crate) fn publish(&mut self, waiting: Waiting, limits: &Limits) {
        let left = match self.groups.last_mut() {
            Some(group) => group.add(waiting, limits).err(),
            None => Some(waiting),
        };
        self.groups.extend(left.map(Group::of));
    }

    pub(crate) fn park(&mut self, place: Place, why: ParkReason, answer: oneshot::Sender<Settled>) {
        self.parks.push(Parking { place, why, answer });
    }

    pub(crate) fn park_part(&mut self, part: Bytes, why: ParkReason, answer: oneshot::Sender<Settled>) {
        self.parts.push(PartParking { part, why, answer });
    }

    pub(crate) fn writes(&self) -> bool {
        !self.messages.is_empty() || !self.parks.is_empty() || !self.parts.is_empty()
    }

    /// Turns groups into messages, as far as there is room for them in the file.
    pub(crate) fn encode(&mut self, mut room: u64) {
        for mut group in std::mem::take(&mut self.groups) {
            if !group.prune() {
                continue;
            }
            let message = group.message();
            match room.checked_sub(size(&message)) {
                Some(left) => {
                    room = left;
                    self.messages.push(message);
                    self.groups.push(group);
                }
                None => group.settle(Err(Refused::Unavailable(Cause::Full))),
            }
        }
    }

    /// Everything in one transaction: new messages in, settled ones out, and up to `wanted` read.
    pub(crate) fn commit(
        &self,
        file: &mut File,
        reading: &Reading,
        wanted: usize,
    ) -> Result<Committed, Fault> {
        let now = Timestamp::now();
        file.transaction(|file| {
            for message in &self.messages {
                file.insert(message, now)?;
            }
            for done in reading.settled() {
                file.delete(done.id)?;
            }
            for parking in &self.parks {
                file.park(parking.place.id, parking.why.code(), now)?;
            }
            for PartParking { part, why, .. } in &self.parts {
                file.park_part(part, why.code(), now)?;
            }
            let committed = read(file, reading, wanted)?;
            let highest = committed.rows.iter().map(|row| row.id).max().unwrap_or(0);
            // Durable before the rows are handed out, or a message that kills the process would not count.
            if highest > reading.high_water {
                file.set_high_water(highest)?;
            }
            Ok(committed)
        })
    }

    /// Answers after the commit; returns how many messages and bytes the file has more.
    pub(crate) fn succeed(self, reading: &mut Reading, committed: &Committed) -> Growth {
        let bytes_in = self.messages.iter().map(|message| size(message)).sum();
        let count_in = count(self.messages.len());
        for group in self.groups {
            metrics::histogram!("leadgate_queue_group_submissions")
                .record(u32::try_from(group.len()).unwrap_or(u32::MAX));
            group.settle(Ok(()));
        }
        let (mut count_out, mut bytes_out) = reading.deleted();
        for parking in self.parks {
            count_out += 1;
            bytes_out += reading.moved(parking.place);
            parking.answer.send(Settled::Done).ok();
        }
        for parking in self.parts {
            parking.answer.send(Settled::Done).ok();
        }
        for id in &committed.gone {
            reading.forget(*id);
        }
        reading.more = if committed.exhausted { false } else { reading.more || count_in > 0 };
        Growth { count_in, bytes_in, count_out, bytes_out }
    }

    /// Answers after a commit that did not work: nothing was accepted, nothing put aside.
    pub(crate) fn fail(self, reading: &mut Reading, cause: Cause) {
        for group in self.groups {
            group.settle(Err(Refused::Unavailable(cause)));
        }
        for parking in self.parks {
            reading.give_back(parking.place);
            parking.answer.send(Settled::Lost).ok();
        }
        for parking in self.parts {
            parking.answer.send(Settled::Lost).ok();
        }
    }
}

pub(crate) struct Growth {
    pub(crate) count_in: u64,
    pub(crate) bytes_in: u64,
    pub(crate) count_out: u64,
    pub(crate) bytes_out: u64,
}

fn read(file: &mut File, reading: &Reading, wanted: usize) -> Result<Committed, Fault> {
    let mut rows = Vec::new();
    let mut gone = Vec::new();
    for id in reading.returned(wanted) {
        match file.one(id)? {
            Some(row) => rows.push(row),
            None => gone.push(id),
        }
    }
    let left = wanted - rows.len();
    if left > 0 {
        rows.extend(file.after(reading.cursor, left)?);
    }
    let exhausted = rows.len() < wanted;
    Ok(Committed { rows, gone, exhausted })
}

/// Hands rows to those who wait, each as many as it asked for. A lane that went away is skipped.
pub(crate) fn hand_out(rows: Vec<Row>, requests: Vec<Request>, reading: &mut Reading) -> Vec<Request> {
    let mut rows = rows.into_iter();
    let mut unserved = Vec::new();
    for request in requests {
        let batch: Vec<Delivery> =
            rows.by_ref().take(request.max).map(|row| deliver(row, &request, reading)).collect();
        if batch.is_empty() {
            unserved.push(request);
        } else {
            // If nobody waits any more, dropping the deliveries gives them back.
            request.answer.send(batch).ok();
        }
    }
    unserved
}

fn deliver(row: Row, request: &Request, reading: &mut Reading) -> Delivery {
    let deliveries = reading.hand_out(&row, request.lane);
    let place = Place { lane: request.lane, id: row.id };
    let ticket = super::Ticket::new(place, request.live.clone(), request.writer.clone());
    Delivery::new(row.payload, deliveries, Some(row.published_at), AnyTicket::Embedded(ticket))
}

fn size(message: &[u8]) -> u64 {
    u64::try_from(message.len()).unwrap_or(u64::MAX)
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}
