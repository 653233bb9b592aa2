//! Submissions that wait for their publish, the limits on them, and the groups that become messages.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use leadgate_domain::OrganizationId;
use metrics::{Histogram, histogram};
use tokio::sync::oneshot;

use crate::config::QueueConfig;
use crate::error::PublishError;

/// Limits the number and size of the submissions that wait in this process.
#[derive(Debug, Clone)]
pub(crate) struct MemoryLimit {
    waiting: Arc<WaitingCounts>,
    max_items: usize,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct WaitingCounts {
    items: AtomicUsize,
    bytes: AtomicUsize,
}

impl MemoryLimit {
    pub(crate) fn new(config: &QueueConfig) -> Self {
        Self { waiting: Arc::default(), max_items: config.max_waiting, max_bytes: config.max_waiting_bytes }
    }

    /// Reserves memory for one submission until its publish ends.
    pub(crate) fn reserve(&self, bytes: usize) -> Result<Reservation, PublishError> {
        // The guard exists before the check, so that the counts are always reduced again.
        let items = self.waiting.items.fetch_add(1, Ordering::Relaxed);
        let waiting_bytes = self.waiting.bytes.fetch_add(bytes, Ordering::Relaxed);
        let reservation = Reservation { waiting: Arc::clone(&self.waiting), bytes };
        // A submission of any size is accepted when no other one waits.
        if items >= self.max_items || (items > 0 && waiting_bytes.saturating_add(bytes) > self.max_bytes) {
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

/// A submission that waits for its publish, and the channel for the result.
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
        let (answer, receiver) = oneshot::channel();
        (Self { organization, submission, answer, reservation }, receiver)
    }

    pub(crate) fn organization(&self) -> OrganizationId {
        self.organization
    }

    pub(crate) fn settle(self, outcome: Result<(), PublishError>) {
        // Before the answer, so that the caller can publish again at once.
        drop(self.reservation);
        // The send fails if the caller no longer waits. The client already has a response then.
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

/// The recorder of the process must be installed before the first group is published.
static GROUP_SIZES: LazyLock<Histogram> = LazyLock::new(|| histogram!("leadgate_queue_message_submissions"));

/// The submissions of one message. They get the same result.
#[derive(Debug)]
pub(crate) struct SubmissionGroup {
    members: Vec<PendingSubmission>,
    bytes: usize,
}

impl SubmissionGroup {
    pub(crate) fn new(first: PendingSubmission) -> Self {
        Self { bytes: first.bytes(), members: vec![first] }
    }

    /// Adds a submission, or returns it if it must go into the next group.
    pub(crate) fn add(
        &mut self,
        next: PendingSubmission,
        limits: &GroupLimits,
    ) -> Result<(), PendingSubmission> {
        if limits.are_reached(self.members.len(), self.bytes) || self.bytes + next.bytes() > limits.bytes {
            return Err(next);
        }
        self.bytes += next.bytes();
        self.members.push(next);
        Ok(())
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Removes submissions whose callers no longer wait; their publishes timed out. Returns false if none is
    /// left.
    pub(crate) fn remove_abandoned(&mut self) -> bool {
        self.members.retain(|member| !member.answer.is_closed());
        !self.members.is_empty()
    }

    /// Records the number of submissions of a message in the metrics.
    pub(crate) fn record_size(&self) {
        GROUP_SIZES.record(u32::try_from(self.members.len()).unwrap_or(u32::MAX));
    }

    pub(crate) fn message(&self) -> Vec<u8> {
        leadgate_domain::message::encode_group(&self.members)
    }

    pub(crate) fn settle(self, outcome: Result<(), PublishError>) {
        for member in self.members {
            member.settle(outcome);
        }
    }
}

/// Limits on the size of a group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupLimits {
    items: usize,
    bytes: usize,
}

impl GroupLimits {
    pub(crate) fn new(config: &QueueConfig) -> Self {
        Self { items: config.max_group_size.max(1), bytes: config.max_group_bytes.max(1) }
    }

    /// Whether this number of submissions, of this size, fills a group.
    pub(crate) fn are_reached(&self, items: usize, bytes: usize) -> bool {
        items >= self.items || bytes >= self.bytes
    }
}
