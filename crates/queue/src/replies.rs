//! The waiting side: who hears what became of which submission. Nothing here is durable, and nothing has to be.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use leadgate_domain::SubmissionId;
use leadgate_domain::reply::{Reply, ReplyAddress};
use metrics::counter;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

/// For how many submissions one process waits at most; whoever comes on top is not answered.
const MOST_WAITING: usize = 16_384;

/// This process's own reply address. All clones share it.
#[derive(Debug, Clone)]
pub struct Replies {
    waiters: Arc<Waiters>,
}

impl Replies {
    pub(crate) fn new(waiters: Arc<Waiters>) -> Self {
        Self { waiters }
    }

    /// Registers interest in a submission, before it is published with [`Expected::address`].
    ///
    /// `None` if no answer could come: there is no address at the moment, too many wait already, or somebody
    /// waits for that very submission.
    pub fn expect(&self, submission: SubmissionId) -> Option<Expected> {
        let (address, reply) = self.waiters.register(submission)?;
        Some(Expected { submission, address, reply, waiters: Arc::clone(&self.waiters) })
    }

    /// Whether a submission published now could be answered.
    pub fn is_ready(&self) -> bool {
        self.waiters.address.borrow().is_some()
    }

    /// Waits until there is an address.
    pub async fn ready(&self) {
        // The sender lives as long as we do.
        self.waiters.address.subscribe().wait_for(Option::is_some).await.ok();
    }

    /// For how many submissions this process waits.
    pub fn waiting(&self) -> usize {
        self.waiters.lock().len()
    }
}

/// One expected reply. Dropping it forgets it.
#[derive(Debug)]
pub struct Expected {
    submission: SubmissionId,
    address: ReplyAddress,
    reply: oneshot::Receiver<Reply>,
    waiters: Arc<Waiters>,
}

impl Expected {
    /// What the submission's `reply_to` has to be.
    pub fn address(&self) -> &ReplyAddress {
        &self.address
    }

    /// Waits for the reply. `None` when time is up, and at once when it can no longer come.
    pub async fn wait(mut self, at_most: Duration) -> Option<Reply> {
        timeout(at_most, &mut self.reply).await.ok()?.ok()
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.reply.close();
        self.waiters.forget(self.submission);
    }
}

/// Who waits in this process, and where replies to it go.
#[derive(Debug)]
pub(crate) struct Waiters {
    /// Changed only under the lock of `waiting`, so that nobody registers for an address that is gone.
    address: watch::Sender<Option<ReplyAddress>>,
    waiting: Mutex<HashMap<SubmissionId, oneshot::Sender<Reply>>>,
}

impl Waiters {
    pub(crate) fn new() -> Self {
        Self { address: watch::Sender::new(None), waiting: Mutex::default() }
    }

    pub(crate) fn open(&self, address: ReplyAddress) {
        let _waiting = self.lock();
        self.address.send_replace(Some(address));
    }

    /// The address is gone. Who waits for what was sent there is told so now.
    pub(crate) fn close(&self) {
        let mut waiting = self.lock();
        self.address.send_replace(None);
        waiting.clear();
    }

    pub(crate) fn is_at(&self, address: &ReplyAddress) -> bool {
        self.address.borrow().as_ref() == Some(address)
    }

    /// Hands a reply to who waits for it; false if nobody does.
    pub(crate) fn hear(&self, reply: Reply) -> bool {
        let waiter = self.lock().remove(&reply.submission);
        let heard = waiter.is_some_and(|waiter| waiter.send(reply).is_ok());
        let result = if heard { "heard" } else { "unexpected" };
        counter!("leadgate_gateway_replies_total", "result" => result).increment(1);
        heard
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
