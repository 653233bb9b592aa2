//! What waits for one transaction, and how each part is answered once its fate is known.

use bytes::Bytes;
use leadgate_domain::Timestamp;
use tokio::sync::oneshot;

use super::in_flight::InFlightMessages;
use super::queue_file::{QueueFile, QueueFileError};
use super::rows::MessageRow;
use super::writer_command::{DeliveryTag, EmbeddedAckHandle, ReceiveRequest};
use crate::error::{PublishError, QueueFailure};
use crate::raw_delivery::{ParkReason, RawDelivery, SettleResult};
use crate::submission_group::{GroupLimits, PendingSubmission, SubmissionGroup};

/// Publishes and parkings that one commit makes durable together.
#[derive(Default)]
pub(crate) struct WriteBatch {
    groups: Vec<SubmissionGroup>,
    messages: Vec<Vec<u8>>,
    parks: Vec<ParkDelivery>,
    parts: Vec<ParkSubmission>,
}

struct ParkDelivery {
    tag: DeliveryTag,
    why: ParkReason,
    answer: oneshot::Sender<SettleResult>,
}

struct ParkSubmission {
    part: Bytes,
    why: ParkReason,
    answer: oneshot::Sender<SettleResult>,
}

/// What a transaction found and did.
pub(crate) struct WriteBatchResult {
    pub(crate) rows: Vec<MessageRow>,
    /// Given back, but no longer in the file.
    gone: Vec<i64>,
    /// Whether fewer rows were there than were wanted.
    exhausted: bool,
}

impl WriteBatch {
    pub(crate) fn publish(&mut self, waiting: PendingSubmission, limits: &GroupLimits) {
        let left = match self.groups.last_mut() {
            Some(group) => group.add(waiting, limits).err(),
            None => Some(waiting),
        };
        self.groups.extend(left.map(SubmissionGroup::of));
    }

    pub(crate) fn park(&mut self, tag: DeliveryTag, why: ParkReason, answer: oneshot::Sender<SettleResult>) {
        self.parks.push(ParkDelivery { tag, why, answer });
    }

    pub(crate) fn park_part(&mut self, part: Bytes, why: ParkReason, answer: oneshot::Sender<SettleResult>) {
        self.parts.push(ParkSubmission { part, why, answer });
    }

    pub(crate) fn writes(&self) -> bool {
        !self.messages.is_empty() || !self.parks.is_empty() || !self.parts.is_empty()
    }

    /// Turns groups into messages, as far as there is room for them in the file.
    pub(crate) fn encode(&mut self, mut room: u64) {
        for mut group in std::mem::take(&mut self.groups) {
            if !group.remove_abandoned() {
                continue;
            }
            let message = group.message();
            match room.checked_sub(size(&message)) {
                Some(left) => {
                    room = left;
                    self.messages.push(message);
                    self.groups.push(group);
                }
                None => group.settle(Err(PublishError::Unavailable(QueueFailure::Full))),
            }
        }
    }

    /// Everything in one transaction: new messages in, settled ones out, and up to `wanted` read.
    pub(crate) fn commit(
        &self,
        file: &mut QueueFile,
        in_flight: &InFlightMessages,
        wanted: usize,
    ) -> Result<WriteBatchResult, QueueFileError> {
        let now = Timestamp::now();
        file.transaction(|file| {
            for message in &self.messages {
                file.insert(message, now)?;
            }
            for done in in_flight.settled() {
                file.delete(done.id)?;
            }
            for parking in &self.parks {
                file.park(parking.tag.id, parking.why.code(), now)?;
            }
            for ParkSubmission { part, why, .. } in &self.parts {
                file.park_part(part, why.code(), now)?;
            }
            let committed = read(file, in_flight, wanted)?;
            let highest = committed.rows.iter().map(|row| row.id).max().unwrap_or(0);
            // Durable before the rows are handed out, or a message that kills the process would not count.
            if highest > in_flight.high_water {
                file.set_high_water(highest)?;
            }
            Ok(committed)
        })
    }

    /// Answers after the commit; returns how many messages and bytes the file has more.
    pub(crate) fn succeed(
        self,
        in_flight: &mut InFlightMessages,
        committed: &WriteBatchResult,
    ) -> UsageChange {
        let bytes_in = self.messages.iter().map(|message| size(message)).sum();
        let count_in = count(self.messages.len());
        for group in self.groups {
            metrics::histogram!("leadgate_queue_group_submissions")
                .record(u32::try_from(group.len()).unwrap_or(u32::MAX));
            group.settle(Ok(()));
        }
        let (mut count_out, mut bytes_out) = in_flight.deleted();
        for parking in self.parks {
            count_out += 1;
            bytes_out += in_flight.settle_moved(parking.tag);
            parking.answer.send(SettleResult::Settled).ok();
        }
        for parking in self.parts {
            parking.answer.send(SettleResult::Settled).ok();
        }
        for id in &committed.gone {
            in_flight.remove_missing(*id);
        }
        in_flight.more = if committed.exhausted { false } else { in_flight.more || count_in > 0 };
        UsageChange { count_in, bytes_in, count_out, bytes_out }
    }

    /// Answers after a commit that did not work: nothing was accepted, nothing put aside.
    pub(crate) fn fail(self, in_flight: &mut InFlightMessages, cause: QueueFailure) {
        for group in self.groups {
            group.settle(Err(PublishError::Unavailable(cause)));
        }
        for parking in self.parks {
            in_flight.requeue(parking.tag);
            parking.answer.send(SettleResult::Lost).ok();
        }
        for parking in self.parts {
            parking.answer.send(SettleResult::Lost).ok();
        }
    }
}

pub(crate) struct UsageChange {
    pub(crate) count_in: u64,
    pub(crate) bytes_in: u64,
    pub(crate) count_out: u64,
    pub(crate) bytes_out: u64,
}

fn read(
    file: &mut QueueFile,
    in_flight: &InFlightMessages,
    wanted: usize,
) -> Result<WriteBatchResult, QueueFileError> {
    let mut rows = Vec::new();
    let mut gone = Vec::new();
    for id in in_flight.returned(wanted) {
        match file.one(id)? {
            Some(row) => rows.push(row),
            None => gone.push(id),
        }
    }
    let left = wanted - rows.len();
    if left > 0 {
        rows.extend(file.after(in_flight.cursor, left)?);
    }
    let exhausted = rows.len() < wanted;
    Ok(WriteBatchResult { rows, gone, exhausted })
}

/// Hands rows to the consumers that wait, to each as many as it asked for. A consumer that went away is skipped.
pub(crate) fn hand_out(
    rows: Vec<MessageRow>,
    requests: Vec<ReceiveRequest>,
    in_flight: &mut InFlightMessages,
) -> Vec<ReceiveRequest> {
    let mut rows = rows.into_iter();
    let mut unserved = Vec::new();
    for request in requests {
        let batch: Vec<_> =
            rows.by_ref().take(request.max).map(|row| deliver(row, &request, in_flight)).collect();
        if batch.is_empty() {
            unserved.push(request);
        } else {
            // If the consumer waits no more, dropping the deliveries gives them back.
            request.answer.send(batch).ok();
        }
    }
    unserved
}

fn deliver(
    row: MessageRow,
    request: &ReceiveRequest,
    in_flight: &mut InFlightMessages,
) -> RawDelivery<EmbeddedAckHandle> {
    let deliveries = in_flight.hand_out(&row, request.consumer);
    let tag = DeliveryTag { consumer: request.consumer, id: row.id };
    let handle = EmbeddedAckHandle::new(tag, request.alive.clone(), request.writer.clone());
    RawDelivery { payload: row.payload, deliveries, published_at: Some(row.published_at), handle }
}

fn size(message: &[u8]) -> u64 {
    u64::try_from(message.len()).unwrap_or(u64::MAX)
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}
