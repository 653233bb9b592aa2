//! Decodes deliveries into submissions, groups them into batches, and settles them.

use leadgate_domain::Submission;
use leadgate_domain::message::{self, Message, MessageError, UnreadableSubmission};
use leadgate_queue::{Delivery, ParkReason, SettleResult};

/// A delivery and the submissions that were read from its message.
pub(crate) struct DecodedDelivery {
    pub(crate) delivery: Delivery,
    pub(crate) submissions: Vec<Submission>,
    /// What is parked before the delivery is acknowledged: some submissions, or the whole message (`Err`).
    unread: Result<Vec<UnreadableSubmission>, MessageError>,
}

/// The submissions of one transaction, and the deliveries that are settled after it.
#[derive(Default)]
pub(crate) struct DeliveryGroup {
    pub(crate) submissions: Vec<Submission>,
    /// Their submissions are moved to `submissions`.
    pub(crate) deliveries: Vec<DecodedDelivery>,
}

impl DecodedDelivery {
    pub(crate) fn new(delivery: Delivery) -> Self {
        match message::decode(delivery.payload()) {
            Ok(Message { submissions, unread }) => Self { delivery, submissions, unread: Ok(unread) },
            Err(error) => Self { delivery, submissions: Vec::new(), unread: Err(error) },
        }
    }

    /// Parks what could not be read, then acknowledges. The submissions that were read must be committed
    /// before, so that they do not wait while the queue of parked messages is full.
    pub(crate) async fn settle(self) {
        match self.unread {
            Err(error) => park_message(self.delivery, error).await,
            // Otherwise the drop requeues the whole message. The store recognizes the committed submissions.
            Ok(unread) => {
                if park_submissions(&self.delivery, unread).await {
                    acknowledge(self.delivery).await;
                }
            }
        }
    }
}

/// Returns whether all submissions are parked. After a failure, some may be parked a second time; a replay of
/// both copies has one effect.
async fn park_submissions(delivery: &Delivery, unread: Vec<UnreadableSubmission>) -> bool {
    for UnreadableSubmission { message, newer, line, column } in unread {
        let reason = if newer { ParkReason::UnknownVersion } else { ParkReason::Unreadable };
        let bytes = message.len();
        if delivery.park_submission(message.into(), reason).await == SettleResult::Lost {
            tracing::debug!(message.bytes = bytes, "submission could not be parked, delivery is requeued");
            return false;
        }
        metrics::counter!("leadgate_worker_parked_total", "reason" => reason.code()).increment(1);
        tracing::warn!(
            message.bytes = bytes,
            line,
            column,
            reason = reason.code(),
            "unreadable submission parked"
        );
    }
    true
}

async fn park_message(delivery: Delivery, error: MessageError) {
    let bytes = delivery.payload().len();
    let reason = match error {
        MessageError::UnknownVersion(_) => ParkReason::UnknownVersion,
        MessageError::NotAMessage { .. } => ParkReason::Unreadable,
    };
    match delivery.park(reason).await {
        SettleResult::Settled => {
            metrics::counter!("leadgate_worker_parked_total", "reason" => reason.code()).increment(1);
            tracing::warn!(message.bytes = bytes, "unreadable message parked: {error}");
        }
        // The broker delivers it again.
        SettleResult::Lost => tracing::debug!(message.bytes = bytes, "message could not be parked"),
    }
}

/// After a lost acknowledgement, the delivery comes again and the store recognizes it.
async fn acknowledge(delivery: Delivery) {
    if delivery.ack().await == SettleResult::Lost {
        metrics::counter!("leadgate_worker_acks_lost_total").increment(1);
    }
}

/// Groups deliveries into batches of at most `max` submissions. A message is never split.
pub(crate) fn group(deliveries: Vec<DecodedDelivery>, max: usize) -> Vec<DeliveryGroup> {
    let mut groups: Vec<DeliveryGroup> = Vec::new();
    for mut delivery in deliveries {
        let submissions = std::mem::take(&mut delivery.submissions);
        let fits = |group: &&mut DeliveryGroup| group.submissions.len() + submissions.len() <= max;
        match groups.last_mut().filter(fits) {
            Some(group) => {
                group.deliveries.push(delivery);
                group.submissions.extend(submissions);
            }
            None => groups.push(DeliveryGroup { deliveries: vec![delivery], submissions }),
        }
    }
    groups
}
