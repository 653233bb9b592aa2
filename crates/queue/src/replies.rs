//! The receiving side of replies: the requests that wait for the outcome of a submission. Replies are not
//! durable.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use leadgate_domain::SubmissionId;
use leadgate_domain::reply::{Reply, ReplyAddress};
use metrics::counter;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

/// Maximum number of submissions for which a process waits. Further requests get no reply.
const MAX_WAITING: usize = 16_384;

/// Receives the replies for this process. All clones share one reply address.
#[derive(Debug, Clone)]
pub struct ReplyReceiver {
    pending: Arc<PendingReplies>,
}

impl ReplyReceiver {
    pub(crate) fn new(pending: Arc<PendingReplies>) -> Self {
        Self { pending }
    }

    /// Registers a submission, before it is published with [`ExpectedReply::address`].
    ///
    /// `None` if a reply is not possible: there is no reply address now, too many submissions are registered,
    /// or this one already is.
    pub fn register(&self, submission: SubmissionId) -> Option<ExpectedReply> {
        let (address, reply) = self.pending.register(submission)?;
        Some(ExpectedReply { submission, address, reply, pending: Arc::clone(&self.pending) })
    }

    /// Whether a submission that is published now can get a reply.
    pub fn is_ready(&self) -> bool {
        self.pending.address.borrow().is_some()
    }

    /// Waits until there is a reply address.
    pub async fn ready(&self) {
        // The sender lives as long as `self`.
        self.pending.address.subscribe().wait_for(Option::is_some).await.ok();
    }

    /// Number of submissions for which this process waits.
    pub fn waiting(&self) -> usize {
        self.pending.lock().len()
    }
}

/// One expected reply. Dropping it removes the registration.
#[derive(Debug)]
pub struct ExpectedReply {
    submission: SubmissionId,
    address: ReplyAddress,
    reply: oneshot::Receiver<Reply>,
    pending: Arc<PendingReplies>,
}

impl ExpectedReply {
    /// The value for `reply_to` of the submission.
    pub fn address(&self) -> &ReplyAddress {
        &self.address
    }

    /// Waits for the reply. `None` after `limit`, or at once when the reply is no longer possible.
    pub async fn wait(mut self, limit: Duration) -> Option<Reply> {
        timeout(limit, &mut self.reply).await.ok()?.ok()
    }
}

impl Drop for ExpectedReply {
    fn drop(&mut self) {
        self.reply.close();
        self.pending.remove_if_closed(self.submission);
    }
}

/// The expected replies of this process, and its reply address.
#[derive(Debug)]
pub(crate) struct PendingReplies {
    /// Changes only under the lock of `waiting`, so that no submission is registered for an old address.
    address: watch::Sender<Option<ReplyAddress>>,
    waiting: Mutex<HashMap<SubmissionId, oneshot::Sender<Reply>>>,
}

impl PendingReplies {
    pub(crate) fn new() -> Self {
        Self { address: watch::Sender::new(None), waiting: Mutex::default() }
    }

    pub(crate) fn open(&self, address: ReplyAddress) {
        let _waiting = self.lock();
        self.address.send_replace(Some(address));
    }

    /// Removes the address. All waiting requests end now.
    pub(crate) fn close(&self) {
        let mut waiting = self.lock();
        self.address.send_replace(None);
        waiting.clear();
    }

    pub(crate) fn has_address(&self, address: &ReplyAddress) -> bool {
        self.address.borrow().as_ref() == Some(address)
    }

    /// Gives a reply to the request that waits for it. Returns false if there is none.
    pub(crate) fn resolve(&self, reply: Reply) -> bool {
        let waiter = self.lock().remove(&reply.submission);
        let resolved = waiter.is_some_and(|waiter| waiter.send(reply).is_ok());
        let result = if resolved { "delivered" } else { "unexpected" };
        counter!("leadgate_gateway_replies_total", "result" => result).increment(1);
        resolved
    }

    fn register(&self, submission: SubmissionId) -> Option<(ReplyAddress, oneshot::Receiver<Reply>)> {
        let mut waiting = self.lock();
        let address = self.address.borrow().clone()?;
        if waiting.len() >= MAX_WAITING || waiting.contains_key(&submission) {
            return None;
        }
        let (waiter, reply) = oneshot::channel();
        waiting.insert(submission, waiter);
        Some((address, reply))
    }

    /// Removes the submission if its request no longer waits. The same submission may be registered again by
    /// then.
    fn remove_if_closed(&self, submission: SubmissionId) {
        let mut waiting = self.lock();
        if waiting.get(&submission).is_some_and(oneshot::Sender::is_closed) {
            waiting.remove(&submission);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SubmissionId, oneshot::Sender<Reply>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts replies that were sent or dropped.
pub(crate) fn count_sent(sent: bool, replies: usize) {
    let result = if sent { "sent" } else { "dropped" };
    let replies = u64::try_from(replies).unwrap_or(u64::MAX);
    counter!("leadgate_worker_replies_total", "result" => result).increment(replies);
}
