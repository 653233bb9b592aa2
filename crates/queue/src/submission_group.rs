//! How publishes gather: what waits, how much may wait, and the message a group becomes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use leadgate_domain::OrganizationId;
use tokio::sync::oneshot;

use crate::config::QueueConfig;
use crate::error::PublishError;

/// Counts what waits in this process, and refuses what would be too much.
#[derive(Debug, Clone)]
pub(crate) struct MemoryLimit {
    waiting: Arc<WaitingCounts>,
    items_max: usize,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct WaitingCounts {
    items: AtomicUsize,
    bytes: AtomicUsize,
}

impl MemoryLimit {
    pub(crate) fn new(config: &QueueConfig) -> Self {
        Self { waiting: Arc::default(), items_max: config.waiting_max, bytes_max: config.waiting_bytes }
    }

    /// Reserves memory for one submission, until the answer about it is given.
    pub(crate) fn reserve(&self, bytes: usize) -> Result<Reservation, PublishError> {
        // The guard exists before the check, so that what was counted is always given back.
        let items = self.waiting.items.fetch_add(1, Ordering::Relaxed);
        let waiting = self.waiting.bytes.fetch_add(bytes, Ordering::Relaxed);
        let reservation = Reservation { waiting: Arc::clone(&self.waiting), bytes };
        // Whatever its size, a submission is taken when nothing else waits.
        if items >= self.items_max || (items > 0 && waiting.saturating_add(bytes) > self.bytes_max) {
            return Err(PublishError::Busy);
        }
        Ok(reservation)
    }
}

#[derive(Debug)]
pub(crate) struct Reservation {
    waiting: Arc<WaitingCounts>,
    bytes: usize,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.waiting.items.fetch_sub(1, Ordering::Relaxed);
        self.waiting.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// One submission on its way into a message, and who waits for the answer.
#[derive(Debug)]
pub(crate) struct PendingSubmission {
    organization: OrganizationId,
    submission: Bytes,
    answer: oneshot::Sender<Result<(), PublishError>>,
    reservation: Reservation,
}

impl PendingSubmission {
    pub(crate) fn new(
        organization: OrganizationId,
        submission: Bytes,
        reservation: Reservation,
    ) -> (Self, oneshot::Receiver<Result<(), PublishError>>) {
        let (answer, answered) = oneshot::channel();
        (Self { organization, submission, answer, reservation }, answered)
    }

    pub(crate) fn organization(&self) -> OrganizationId {
        self.organization
    }

    pub(crate) fn settle(self, outcome: Result<(), PublishError>) {
        // First, so that whoever is answered may ask again at once.
        drop(self.reservation);
        // Whoever went away has told the client already.
        self.answer.send(outcome).ok();
    }

    pub(crate) fn bytes(&self) -> usize {
        self.submission.len()
    }
}

impl AsRef<[u8]> for PendingSubmission {
    fn as_ref(&self) -> &[u8] {
        &self.submission
    }
}

/// Submissions that travel in one message and share its fate.
#[derive(Debug)]
pub(crate) struct SubmissionGroup {
    members: Vec<PendingSubmission>,
    bytes: usize,
}

impl SubmissionGroup {
    pub(crate) fn of(first: PendingSubmission) -> Self {
        Self { bytes: first.bytes(), members: vec![first] }
    }

    /// Takes one more, or hands it back when it belongs into the next group.
    pub(crate) fn add(
        &mut self,
        next: PendingSubmission,
        limits: &GroupLimits,
    ) -> Result<(), PendingSubmission> {
        if self.is_full(limits) || self.bytes + next.bytes() > limits.bytes {
            return Err(next);
        }
        self.bytes += next.bytes();
        self.members.push(next);
        Ok(())
    }

    pub(crate) fn is_full(&self, limits: &GroupLimits) -> bool {
        self.members.len() >= limits.items || self.bytes >= limits.bytes
    }

    /// Leaves out those who wait no longer; what they sent was refused. False if nobody is left.
    pub(crate) fn remove_abandoned(&mut self) -> bool {
        self.members.retain(|member| !member.answer.is_closed());
        !self.members.is_empty()
    }

    pub(crate) fn message(&self) -> Vec<u8> {
        leadgate_domain::message::encode_group(&self.members)
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn settle(self, outcome: Result<(), PublishError>) {
        for member in self.members {
            member.settle(outcome);
        }
    }
}

/// How large a group may become.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupLimits {
    items: usize,
    bytes: usize,
}

impl GroupLimits {
    pub(crate) fn new(config: &QueueConfig) -> Self {
        Self { items: config.group_max.max(1), bytes: config.group_bytes.max(1) }
    }
}
