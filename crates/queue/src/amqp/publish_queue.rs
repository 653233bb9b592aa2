//! Submissions that wait to be published, grouped by shard, because a message goes to one shard.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::error::{PublishError, QueueError, QueueFailure};
use crate::raw_delivery::ParkReason;
use crate::shard_count::{ShardCount, shard_for};
use crate::submission_group::{GroupLimits, PendingSubmission, SubmissionGroup};

pub(crate) enum PublishJob {
    Publish(PendingSubmission),
    Park(ParkRequest),
}

/// A message to park, for operators or for a newer build.
pub(crate) struct ParkRequest {
    pub(crate) payload: Bytes,
    pub(crate) reason: ParkReason,
    pub(crate) answer: oneshot::Sender<Result<(), PublishError>>,
}

impl PublishJob {
    fn refuse(self, cause: QueueFailure) {
        match self {
            Self::Publish(pending) => pending.settle(Err(PublishError::Unavailable(cause))),
            Self::Park(request) => _ = request.answer.send(Err(PublishError::Unavailable(cause))),
        }
    }
}

/// Sends jobs to the publish loop, which ends when all senders are dropped.
#[derive(Debug, Clone)]
pub(crate) struct AmqpPublishSender(mpsc::UnboundedSender<PublishJob>);

impl AmqpPublishSender {
    pub(crate) fn publish(&self, pending: PendingSubmission) -> Result<(), QueueError> {
        self.send(PublishJob::Publish(pending))
    }

    pub(crate) fn park(&self, request: ParkRequest) -> Result<(), QueueError> {
        self.send(PublishJob::Park(request))
    }

    fn send(&self, job: PublishJob) -> Result<(), QueueError> {
        self.0.send(job).map_err(|_| QueueError::Closed)
    }
}

pub(crate) struct PublishQueue {
    jobs: mpsc::UnboundedReceiver<PublishJob>,
    shards: ShardCount,
    limits: GroupLimits,
    /// Contains only shards with waiting submissions.
    by_shard: BTreeMap<u16, VecDeque<PendingSubmission>>,
    /// The shard that is served next.
    next_shard: u16,
    park_requests: VecDeque<ParkRequest>,
}

/// The content of the next message.
pub(crate) enum NextMessage {
    Group(u16, SubmissionGroup),
    Park(ParkRequest),
}

impl PublishQueue {
    pub(crate) fn new(shards: ShardCount, limits: GroupLimits) -> (AmqpPublishSender, Self) {
        let (sender, jobs) = mpsc::unbounded_channel();
        let queue = Self {
            jobs,
            shards,
            limits,
            by_shard: BTreeMap::new(),
            next_shard: 0,
            park_requests: VecDeque::new(),
        };
        (AmqpPublishSender(sender), queue)
    }

    /// Whether no job waits, here or in the channel.
    pub(crate) fn is_empty(&self) -> bool {
        self.has_no_work() && self.jobs.is_empty()
    }

    /// Waits until there is something to publish. Returns false when no sender and no job is left.
    pub(crate) async fn wait_for_work(&mut self) -> bool {
        if self.has_no_work() {
            let Some(job) = self.jobs.recv().await else { return false };
            self.add(job);
        }
        while let Ok(job) = self.jobs.try_recv() {
            self.add(job);
        }
        true
    }

    /// Returns the content of the next message. Shards take turns.
    pub(crate) fn next(&mut self) -> Option<NextMessage> {
        if let Some(request) = self.park_requests.pop_front() {
            return Some(NextMessage::Park(request));
        }
        let next = self.by_shard.range(self.next_shard..).next().or_else(|| self.by_shard.first_key_value());
        let shard = *next?.0;
        self.next_shard = shard.saturating_add(1);
        let mut pending = self.by_shard.remove(&shard)?;
        let mut group = SubmissionGroup::new(pending.pop_front()?);
        while !group.is_full(&self.limits) {
            let Some(next) = pending.pop_front() else { break };
            if let Err(next) = group.add(next, &self.limits) {
                pending.push_front(next);
                break;
            }
        }
        if !pending.is_empty() {
            self.by_shard.insert(shard, pending);
        }
        Some(NextMessage::Group(shard, group))
    }

    pub(crate) fn refuse(&mut self, cause: QueueFailure) {
        for pending in std::mem::take(&mut self.by_shard).into_values().flatten() {
            PublishJob::Publish(pending).refuse(cause);
        }
        for request in self.park_requests.drain(..) {
            PublishJob::Park(request).refuse(cause);
        }
    }

    /// Refuses all jobs while it runs. Returns when no sender is left.
    pub(crate) async fn refuse_all(&mut self, cause: impl Fn() -> QueueFailure) {
        self.refuse(cause());
        while let Some(job) = self.jobs.recv().await {
            job.refuse(cause());
        }
    }

    fn has_no_work(&self) -> bool {
        self.park_requests.is_empty() && self.by_shard.is_empty()
    }

    fn add(&mut self, job: PublishJob) {
        match job {
            PublishJob::Publish(pending) => {
                let shard = shard_for(pending.organization(), self.shards.count());
                self.by_shard.entry(shard).or_default().push_back(pending);
            }
            PublishJob::Park(request) => self.park_requests.push_back(request),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use leadgate_domain::OrganizationId;

    use super::*;
    use crate::config::QueueConfig;
    use crate::submission_group::MemoryLimit;

    /// An organization whose leads go to this shard of two.
    fn organization_of_shard(shard: u16) -> OrganizationId {
        std::iter::repeat_with(OrganizationId::generate).find(|id| shard_for(*id, 2) == shard).unwrap()
    }

    #[tokio::test]
    async fn a_message_contains_submissions_of_one_shard_and_shards_take_turns() {
        let config = QueueConfig { max_group_size: 2, ..QueueConfig::new("") };
        let (sender, mut queue) = PublishQueue::new(ShardCount::new(2), GroupLimits::new(&config));
        let memory = MemoryLimit::new(&config);
        let organizations = [organization_of_shard(0), organization_of_shard(1)];
        for shard in [0, 0, 0, 1, 0] {
            let body = Bytes::from(shard.to_string());
            let (pending, _answer) =
                PendingSubmission::new(organizations[shard], body, memory.reserve(1).unwrap());
            sender.publish(pending).unwrap();
        }
        assert!(queue.wait_for_work().await);
        let mut messages = Vec::new();
        while let Some(NextMessage::Group(shard, group)) = queue.next() {
            messages.push((shard, String::from_utf8(group.message()).unwrap()));
        }
        let message = |bodies: &str| format!(r#"{{"v":1,"submissions":[{bodies}]}}"#);
        assert_eq!(messages, [(0, message("0,0")), (1, message("1")), (0, message("0,0"))]);
        assert!(queue.is_empty());
        drop(sender);
        assert!(!queue.wait_for_work().await);
    }
}
