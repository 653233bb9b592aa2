//! Published messages without a confirm, and the rules for trusting a confirm.
//!
//! lapin (4.12.3) attaches a returned message to the next confirm. So an unroutable publish can look
//! acknowledged, while the confirm of another publish carries the return. That other confirm always resolves
//! first. Hence two rules: an acknowledgement counts only after all other messages of the channel were polled
//! again, and a return taints all outstanding messages.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Channel, Confirmation};
use metrics::{Histogram, histogram};
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};

use super::supervise::Interruption;
use crate::error::{PublishError, QueueFailure};
use crate::submission_group::SubmissionGroup;

type Confirm = Pin<Box<dyn Future<Output = lapin::Result<Confirmation>> + Send>>;

/// The callers that wait for the confirm of a message.
pub(crate) enum Waiters {
    /// The group, and its shard.
    Group(u16, SubmissionGroup),
    Park(oneshot::Sender<Result<(), PublishError>>),
}

impl Waiters {
    fn settle(self, outcome: Result<(), PublishError>) {
        match self {
            Self::Group(_, group) => group.settle(outcome),
            Self::Park(answer) => _ = answer.send(outcome),
        }
    }
}

/// A message and its destination.
pub(crate) struct OutgoingMessage {
    pub(crate) exchange: &'static str,
    pub(crate) key: String,
    pub(crate) body: Bytes,
    pub(crate) properties: BasicProperties,
}

impl OutgoingMessage {
    fn send(self, channel: &Channel) -> Confirm {
        let channel = channel.clone();
        Box::pin(async move {
            let options = BasicPublishOptions { mandatory: true, ..Default::default() };
            let (exchange, key) = (self.exchange.into(), self.key.as_str().into());
            channel.basic_publish(exchange, key, options, &self.body, self.properties).await?.await
        })
    }
}

struct PendingPublish {
    waiters: Waiters,
    published: Instant,
    confirm: Confirm,
    answer: Option<Result<(), ConfirmFailure>>,
}

/// A confirm that is not an acknowledgement.
#[derive(Debug, Clone)]
enum ConfirmFailure {
    /// The broker rejected this message, typically because of a length limit. Other messages are not
    /// affected.
    Rejected,
    /// No confirm of the channel can be trusted any more.
    ChannelTainted(Interruption),
}

fn confirm_result(confirmation: lapin::Result<Confirmation>) -> Result<(), ConfirmFailure> {
    let tainted = |cause, reason: &str| {
        Err(ConfirmFailure::ChannelTainted(Interruption { cause, reason: reason.to_owned() }))
    };
    match confirmation {
        Ok(Confirmation::Ack(None)) => Ok(()),
        Ok(Confirmation::Nack(None)) => Err(ConfirmFailure::Rejected),
        // The returned message itself is not used, because it contains personal data.
        Ok(Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_))) => {
            tainted(QueueFailure::Unroutable, "a message was not routed to a queue")
        }
        Ok(Confirmation::NotRequested) => {
            tainted(QueueFailure::Disconnected, "the channel has no publisher confirms")
        }
        Err(error) => tainted(QueueFailure::Disconnected, &error.to_string()),
    }
}

/// The messages of one channel that wait for a confirm.
pub(crate) struct PendingConfirms {
    channel: Channel,
    pending: Vec<PendingPublish>,
    confirm_timeout: Duration,
    /// Expires with the oldest message.
    deadline: Pin<Box<Sleep>>,
    confirm_seconds: Histogram,
}

impl PendingConfirms {
    pub(crate) fn new(channel: Channel, confirm_timeout: Duration) -> Self {
        Self {
            channel,
            pending: Vec::new(),
            confirm_timeout,
            deadline: Box::pin(sleep(confirm_timeout)),
            confirm_seconds: histogram!("leadgate_queue_confirm_seconds"),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether a group of this shard waits for its confirm.
    pub(crate) fn has_group_of(&self, shard: u16) -> bool {
        self.pending
            .iter()
            .any(|publish| matches!(publish.waiters, Waiters::Group(other, _) if other == shard))
    }

    pub(crate) fn publish(&mut self, message: OutgoingMessage, waiters: Waiters) {
        let confirm = message.send(&self.channel);
        self.pending.push(PendingPublish { waiters, published: Instant::now(), confirm, answer: None });
        self.reset_deadline();
    }

    /// Waits until at least one message is confirmed or rejected, and notifies its callers. After an error,
    /// no confirm of the channel may be trusted; the caller refuses the remaining messages.
    pub(crate) async fn next_settled(&mut self) -> Result<(), Interruption> {
        poll_fn(|context| self.poll(context)).await
    }

    pub(crate) fn refuse(self, cause: QueueFailure) {
        for publish in self.pending {
            publish.waiters.settle(Err(PublishError::Unavailable(cause)));
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Interruption>> {
        self.poll_confirms(context);
        for publish in &self.pending {
            if let Some(Err(ConfirmFailure::ChannelTainted(interruption))) = &publish.answer {
                return Poll::Ready(Err(interruption.clone()));
            }
        }
        if self.settle() {
            self.reset_deadline();
            return Poll::Ready(Ok(()));
        }
        if !self.pending.is_empty() && self.deadline.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(Interruption::disconnected("the broker did not confirm in time")));
        }
        Poll::Pending
    }

    /// Polls all confirms repeatedly until no one resolves. So every return that arrived before the last
    /// acknowledgement is known.
    fn poll_confirms(&mut self, context: &mut Context<'_>) {
        loop {
            let mut progress = false;
            for publish in self.pending.iter_mut().filter(|publish| publish.answer.is_none()) {
                if let Poll::Ready(confirmation) = publish.confirm.as_mut().poll(context) {
                    publish.answer = Some(confirm_result(confirmation));
                    progress = true;
                }
            }
            if !progress {
                return;
            }
        }
    }

    /// Settles all messages that have an answer. Returns whether there was any.
    fn settle(&mut self) -> bool {
        let before = self.pending.len();
        for publish in self.pending.extract_if(.., |publish| publish.answer.is_some()) {
            self.confirm_seconds.record(publish.published.elapsed());
            let accepted = matches!(publish.answer, Some(Ok(())));
            publish.waiters.settle(if accepted {
                Ok(())
            } else {
                Err(PublishError::Unavailable(QueueFailure::Full))
            });
        }
        self.pending.len() < before
    }

    fn reset_deadline(&mut self) {
        if let Some(oldest) = self.pending.first() {
            self.deadline.as_mut().reset((oldest.published + self.confirm_timeout).into());
        }
    }
}
