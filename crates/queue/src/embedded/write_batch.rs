//! The work of one transaction, and the answers after it.

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

/// Publishes and messages to park that one commit makes durable.
#[derive(Default)]
pub(crate) struct WriteBatch {
    groups: Vec<SubmissionGroup>,
    messages: Vec<Vec<u8>>,
    park_deliveries: Vec<ParkDelivery>,
    park_submissions: Vec<ParkSubmission>,
}

struct ParkDelivery {
    tag: DeliveryTag,
    reason: ParkReason,
    answer: oneshot::Sender<SettleResult>,
}

struct ParkSubmission {
    submission: Bytes,
    reason: ParkReason,
    answer: oneshot::Sender<SettleResult>,
}

/// The result of a transaction.
pub(crate) struct WriteBatchResult {
    pub(crate) rows: Vec<MessageRow>,
    /// Requeued messages that are no longer in the file.
    missing: Vec<i64>,
    /// Whether fewer rows were read than wanted.
    exhausted: bool,
}

impl WriteBatch {
    pub(crate) fn publish(&mut self, pending: PendingSubmission, limits: &GroupLimits) {
        let left = match self.groups.last_mut() {
            Some(group) => group.add(pending, limits).err(),
            None => Some(pending),
        };
        self.groups.extend(left.map(SubmissionGroup::new));
    }

    pub(crate) fn park(
        &mut self,
        tag: DeliveryTag,
        reason: ParkReason,
        answer: oneshot::Sender<SettleResult>,
    ) {
        self.park_deliveries.push(ParkDelivery { tag, reason, answer });
    }

    pub(crate) fn park_submission(
        &mut self,
        submission: Bytes,
        reason: ParkReason,
        answer: oneshot::Sender<SettleResult>,
    ) {
        self.park_submissions.push(ParkSubmission { submission, reason, answer });
    }

    pub(crate) fn has_writes(&self) -> bool {
        !self.messages.is_empty() || !self.park_deliveries.is_empty() || !self.park_submissions.is_empty()
    }

    /// Encodes groups as messages, as far as the free bytes of the file allow.
    pub(crate) fn encode(&mut self, mut free_bytes: u64) {
        for mut group in std::mem::take(&mut self.groups) {
            if !group.remove_abandoned() {
                continue;
            }
            let message = group.message();
            match free_bytes.checked_sub(size(&message)) {
                Some(left) => {
                    free_bytes = left;
                    self.messages.push(message);
                    self.groups.push(group);
                }
                None => group.settle(Err(PublishError::Unavailable(QueueFailure::Full))),
            }
        }
    }

    /// Runs one transaction: inserts new messages, deletes settled ones, parks, and reads up to `wanted`
    /// rows.
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
            for message in in_flight.settled() {
                file.delete(message.id)?;
            }
            for park in &self.park_deliveries {
                file.park(park.tag.id, park.reason.code(), now)?;
            }
            for ParkSubmission { submission, reason, .. } in &self.park_submissions {
                file.park_submission(submission, reason.code(), now)?;
            }
            let committed = read(file, in_flight, wanted)?;
            let highest = committed.rows.iter().map(|row| row.id).max().unwrap_or(0);
            // Durable before the rows are delivered. Otherwise the delivery of a message that ends the
            // process would not be counted.
            if highest > in_flight.highest_delivered {
                file.set_highest_delivered(highest)?;
            }
            Ok(committed)
        })
    }

    /// Answers the callers after the commit. Returns how the number and size of messages in the file changed.
    pub(crate) fn succeed(
        self,
        in_flight: &mut InFlightMessages,
        committed: &WriteBatchResult,
    ) -> UsageChange {
        let bytes_added = self.messages.iter().map(|message| size(message)).sum();
        let messages_added = count(self.messages.len());
        for group in self.groups {
            group.record_size();
            group.settle(Ok(()));
        }
        let (mut messages_removed, mut bytes_removed) = in_flight.clear_settled();
        for park in self.park_deliveries {
            messages_removed += 1;
            bytes_removed += in_flight.remove_parked(park.tag);
            park.answer.send(SettleResult::Settled).ok();
        }
        for park in self.park_submissions {
            park.answer.send(SettleResult::Settled).ok();
        }
        for id in &committed.missing {
            in_flight.remove_missing(*id);
        }
        in_flight.may_have_more =
            if committed.exhausted { false } else { in_flight.may_have_more || messages_added > 0 };
        UsageChange { messages_added, bytes_added, messages_removed, bytes_removed }
    }

    /// Answers the callers after a failed commit: no message was accepted or parked.
    pub(crate) fn fail(self, in_flight: &mut InFlightMessages, cause: QueueFailure) {
        for group in self.groups {
            group.settle(Err(PublishError::Unavailable(cause)));
        }
        for park in self.park_deliveries {
            in_flight.requeue(park.tag);
            park.answer.send(SettleResult::Lost).ok();
        }
        for park in self.park_submissions {
            park.answer.send(SettleResult::Lost).ok();
        }
    }
}

pub(crate) struct UsageChange {
    pub(crate) messages_added: u64,
    pub(crate) bytes_added: u64,
    pub(crate) messages_removed: u64,
    pub(crate) bytes_removed: u64,
}

fn read(
    file: &mut QueueFile,
    in_flight: &InFlightMessages,
    wanted: usize,
) -> Result<WriteBatchResult, QueueFileError> {
    let mut rows = Vec::new();
    let mut missing = Vec::new();
    for id in in_flight.requeued(wanted) {
        match file.find(id)? {
            Some(row) => rows.push(row),
            None => missing.push(id),
        }
    }
    let left = wanted - rows.len();
    if left > 0 {
        rows.extend(file.messages_after(in_flight.cursor, left)?);
    }
    let exhausted = rows.len() < wanted;
    Ok(WriteBatchResult { rows, missing, exhausted })
}

/// Delivers rows to the waiting consumers, to each at most as many as it requested. Skips consumers that no
/// longer wait.
pub(crate) fn deliver_rows(
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
            // The send fails if the consumer no longer waits. Dropping the deliveries requeues them.
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
    let delivery_count = in_flight.record_delivery(&row, request.consumer);
    let tag = DeliveryTag { consumer: request.consumer, id: row.id };
    let handle = EmbeddedAckHandle::new(tag, request.alive.clone(), request.writer.clone());
    RawDelivery { payload: row.payload, delivery_count, published_at: Some(row.published_at), handle }
}

fn size(message: &[u8]) -> u64 {
    u64::try_from(message.len()).unwrap_or(u64::MAX)
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}
