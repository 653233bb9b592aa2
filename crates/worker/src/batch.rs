//! Deliveries opened into submissions, and gathered into batches.

use leadgate_domain::Submission;
use leadgate_domain::message::{self, Message, Unread, Unreadable};
use leadgate_queue::{Delivery, ParkReason, Settled};

/// A delivery whose message could be read.
pub(crate) struct Opened {
    pub(crate) delivery: Delivery,
    pub(crate) submissions: Vec<Submission>,
}

/// What goes into the store in one transaction, and what is settled after it.
#[derive(Default)]
pub(crate) struct Group {
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) submissions: Vec<Submission>,
}

/// Reads messages. What cannot be read is parked: a submission by itself, or the whole message.
pub(crate) async fn open(deliveries: Vec<Delivery>) -> Vec<Opened> {
    let mut opened = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        match message::decode(delivery.payload()) {
            Ok(Message { submissions, unread }) => {
                if park_unread(&delivery, unread).await {
                    opened.push(Opened { delivery, submissions });
                }
            }
            Err(unreadable) => park(delivery, unreadable).await,
        }
    }
    opened
}

/// Parks submissions before their neighbours are worked on. If it fails, dropping the delivery gives the whole message
/// back; what was parked by then is parked again, and a replay of both has one effect.
async fn park_unread(delivery: &Delivery, unread: Vec<Unread>) -> bool {
    for Unread { message, newer, line, column } in unread {
        let why = if newer { ParkReason::UnknownVersion } else { ParkReason::Unreadable };
        let bytes = message.len();
        if delivery.park_part(message.into(), why).await == Settled::Lost {
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

async fn park(delivery: Delivery, unreadable: Unreadable) {
    let bytes = delivery.payload().len();
    let why = match unreadable {
        Unreadable::UnknownVersion(_) => ParkReason::UnknownVersion,
        Unreadable::NotAMessage { .. } => ParkReason::Unreadable,
    };
    match delivery.park(why).await {
        Settled::Done => {
            metrics::counter!("leadgate_worker_parked_total", "reason" => why.code()).increment(1);
            tracing::warn!(message.bytes = bytes, "message parked: {unreadable}");
        }
        // It comes again.
        Settled::Lost => tracing::debug!(message.bytes = bytes, "message could not be parked yet"),
    }
}

/// Gathers deliveries into groups of at most `most` submissions; a single message is never split.
pub(crate) fn group(opened: Vec<Opened>, most: usize) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for Opened { delivery, submissions } in opened {
        let fits = |group: &&mut Group| group.submissions.len() + submissions.len() <= most;
        match groups.last_mut().filter(fits) {
            Some(group) => {
                group.deliveries.push(delivery);
                group.submissions.extend(submissions);
            }
            None => groups.push(Group { deliveries: vec![delivery], submissions }),
        }
    }
    groups
}
