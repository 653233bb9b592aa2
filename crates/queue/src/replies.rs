//! The waiting side of replies: which requests wait for the outcome of which submission. Nothing here is durable,
//! and nothing has to be.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use leadgate_domain::SubmissionId;
use leadgate_domain::reply::{Reply, ReplyAddress};
use metrics::counter;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

/// For how many submissions one process waits at most; a request on top of that is not answered.
const MOST_WAITING: usize = 16_384;

/// This process's own reply address. All clones share it.
#[derive(Debug, Clone)]
pub struct ReplyReceiver {
    pending: Arc<PendingReplies>,
}

impl ReplyReceiver {
    pub(crate) fn new(pending: Arc<PendingReplies>) -> Self {
        Self { pending }
    }

    /// Registers interest in a submission, before it is published with [`ExpectedReply::address`].
    ///
    /// `None` if no answer could come: there is no address at the moment, too many wait already, or a request
    /// waits for that very submission.
    pub fn expect(&self, submission: SubmissionId) -> Option<ExpectedReply> {
        let (address, reply) = self.pending.register(submission)?;
        Some(ExpectedReply { submission, address, reply, pending: Arc::clone(&self.pending) })
    }

    /// Whether a submission published now could be answered.
    pub fn is_ready(&self) -> bool {
        self.pending.address.borrow().is_some()
    }

    /// Waits until there is an address.
    pub async fn ready(&self) {
        // The sender lives as long as we do.
        self.pending.address.subscribe().wait_for(Option::is_some).await.ok();
    }

    /// For how many submissions this process waits.
    pub fn waiting(&self) -> usize {
        self.pending.lock().len()
    }
}

/// One expected reply. Dropping it forgets it.
#[derive(Debug)]
pub struct ExpectedReply {
    submission: SubmissionId,
    address: ReplyAddress,
    reply: oneshot::Receiver<Reply>,
    pending: Arc<PendingReplies>,
}

impl ExpectedReply {
    /// What the submission's `reply_to` has to be.
    pub fn address(&self) -> &ReplyAddress {
        &self.address
    }

    /// Waits for the reply. `None` when time is up, and at once when it can no longer come.
    pub async fn wait(mut self, at_most: Duration) -> Option<Reply> {
        timeout(at_most, &mut self.reply).await.ok()?.ok()
    }
}

impl Drop for ExpectedReply {
    fn drop(&mut self) {
        self.reply.close();
        self.pending.forget(self.submission);
    }
}

/// What is waited for in this process, and where replies to it go.
#[derive(Debug)]
pub(crate) struct PendingReplies {
    /// Changed only under the lock of `waiting`, so that nothing is registered for an address that is gone.
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

    /// The address is gone: all that wait for a reply there end now.
    pub(crate) fn close(&self) {
        let mut waiting = self.lock();
        self.address.send_replace(None);
        waiting.clear();
    }

    pub(crate) fn is_at(&self, address: &ReplyAddress) -> bool {
        self.address.borrow().as_ref() == Some(address)
    }

    /// Hands a reply to the request that waits for it; false if there is none.
    pub(crate) fn resolve(&self, reply: Reply) -> bool {
        let waiter = self.lock().remove(&reply.submission);
        let resolved = waiter.is_some_and(|waiter| waiter.send(reply).is_ok());
        let result = if resolved { "heard" } else { "unexpected" };
        counter!("leadgate_gateway_replies_total", "result" => result).increment(1);
        resolved
    }

    fn register(&self, submission: SubmissionId) -> Option<(ReplyAddress, oneshot::Receiver<Reply>)> {
        let mut waiting = self.lock();
        let address = self.address.borrow().clone()?;
        if waiting.len() >= MOST_WAITING || waiting.contains_key(&submission) {
            return None;
        }
        let (waiter, reply) = oneshot::channel();
        waiting.insert(submission, waiter);
        Some((address, reply))
    }

    /// Only if it waits no longer: the same submission may be expected anew by then.
    fn forget(&self, submission: SubmissionId) {
        let mut waiting = self.lock();
        if waiting.get(&submission).is_some_and(oneshot::Sender::is_closed) {
            waiting.remove(&submission);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SubmissionId, oneshot::Sender<Reply>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts replies that left this process, or did not.
pub(crate) fn count_sent(sent: bool, replies: usize) {
    let result = if sent { "sent" } else { "dropped" };
    let replies = u64::try_from(replies).unwrap_or(u64::MAX);
    counter!("leadgate_worker_replies_total", "result" => result).increment(replies);
}
