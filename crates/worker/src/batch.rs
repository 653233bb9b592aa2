//! Deliveries opened into submissions, gathered into batches, and settled.

use leadgate_domain::Submission;
use leadgate_domain::message::{self, Message, MessageError, UnreadableSubmission};
use leadgate_queue::{Delivery, ParkReason, SettleResult};

/// A delivery and what could be read of its message.
pub(crate) struct DecodedDelivery {
    pub(crate) delivery: Delivery,
    pub(crate) submissions: Vec<Submission>,
    /// What is parked before the delivery is acknowledged: some of its submissions, or all of the message.
    unread: Result<Vec<UnreadableSubmission>, MessageError>,
}

/// What goes into the store in one transaction, and what is settled after it.
#[derive(Default)]
pub(crate) struct DeliveryGroup {
    pub(crate) submissions: Vec<Submission>,
    /// Without their submissions.
    pub(crate) opened: Vec<DecodedDelivery>,
}

impl DecodedDelivery {
    pub(crate) fn new(delivery: Delivery) -> Self {
        match message::decode(delivery.payload()) {
            Ok(Message { submissions, unread }) => Self { delivery, submissions, unread: Ok(unread) },
            Err(unreadable) => Self { delivery, submissions: Vec::new(), unread: Err(unreadable) },
        }
    }

    /// Parks what could not be read, then acknowledges. What was read must be committed before: it does not wait
    /// until the queue takes what is parked.
    pub(crate) async fn settle(self) {
        match self.unread {
            Err(unreadable) => park(self.delivery, unreadable).await,
            // Otherwise the drop gives the whole message back. The store's inbox absorbs what was committed.
            Ok(unread) => {
                if park_parts(&self.delivery, unread).await {
                    acknowledge(self.delivery).await;
                }
            }
        }
    }
}

/// Returns whether all are parked. What was parked before a failure is parked again, and a replay of both has one
/// effect.
async fn park_parts(delivery: &Delivery, unread: Vec<UnreadableSubmission>) -> bool {
    for UnreadableSubmission { message, newer, line, column } in unread {
        let why = if newer { ParkReason::UnknownVersion } else { ParkReason::Unreadable };
        let bytes = message.len();
        if delivery.park_part(message.into(), why).await == SettleResult::Lost {
            tracing::debug!(message.bytes = bytes, "submission could not be parked yet");
            return false;
        }
        metrics::counter!("leadgate_worker_parked_total", "reason" => why.code()).increment(1);
        tracing::warn!(
            message.bytes = bytes,
            line,
            column,
            reason = why.code(),
            "submission parked: unreadable"
        );
    }
    true
}

async fn park(delivery: Delivery, unreadable: MessageError) {
    let bytes = delivery.payload().len();
    let why = match unreadable {
        MessageError::UnknownVersion(_) => ParkReason::UnknownVersion,
        MessageError::NotAMessage { .. } => ParkReason::Unreadable,
    };
    match delivery.park(why).await {
        SettleResult::Settled => {
            metrics::counter!("leadgate_worker_parked_total", "reason" => why.code()).increment(1);
            tracing::warn!(message.bytes = bytes, "message parked: {unreadable}");
        }
        // It comes again.
        SettleResult::Lost => tracing::debug!(message.bytes = bytes, "message could not be parked yet"),
    }
}

/// An acknowledgement that is lost brings the delivery once more, and the store's inbox absorbs it.
async fn acknowledge(delivery: Delivery) {
    if delivery.ack().await == SettleResult::Lost {
        metrics::counter!("leadgate_worker_acks_lost_total").increment(1);
    }
}

/// Gathers deliveries into groups of at most `most` submissions; a single message is never split.
pub(crate) fn group(opened: Vec<DecodedDelivery>, most: usize) -> Vec<DeliveryGroup> {
    let mut groups: Vec<DeliveryGroup> = Vec::new();
    for mut opened in opened {
        let submissions = std::mem::take(&mut opened.submissions);
        let fits = |group: &&mut DeliveryGroup| group.submissions.len() + submissions.len() <= most;
        match groups.last_mut().filter(fits) {
            Some(group) => {
                group.opened.push(opened);
                group.submissions.extend(submissions);
            }
            None => groups.push(DeliveryGroup { opened: vec![opened], submissions }),
        }
    }
    groups
}
