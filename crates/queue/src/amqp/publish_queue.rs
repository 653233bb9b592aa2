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
    by_shard: BTreeMap<u16, ShardQueue>,
    /// The shard that is served next.
    next_shard: u16,
    park_requests: VecDeque<ParkRequest>,
}

/// The waiting submissions of a shard.
#[derive(Default)]
struct ShardQueue {
    submissions: VecDeque<PendingSubmission>,
    bytes: usize,
}

impl ShardQueue {
    fn push(&mut self, pending: PendingSubmission) {
        self.bytes += pending.bytes();
        self.submissions.push_back(pending);
    }

    /// Whether the next group would not grow if it waited.
    fn has_full_group(&self, limits: &GroupLimits) -> bool {
        limits.are_reached(self.submissions.len(), self.bytes)
    }

    fn next_group(&mut self, limits: &GroupLimits) -> Option<SubmissionGroup> {
        let mut group = SubmissionGroup::new(self.submissions.pop_front()?);
        while let Some(next) = self.submissions.pop_front() {
            if let Err(next) = group.add(next, limits) {
                self.submissions.push_front(next);
                break;
            }
        }
        self.bytes -= group.bytes();
        Some(group)
    }
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
        self.park_requests.is_empty() && self.by_shard.is_empty() && self.jobs.is_empty()
    }

    /// Waits for a job, and receives all jobs that wait. Returns false when no sender and no job is left.
    pub(crate) async fn receive(&mut self) -> bool {
        let Some(job) = self.jobs.recv().await else { return false };
        self.add(job);
        self.receive_waiting();
        true
    }

    /// Receives all jobs that wait.
    pub(crate) fn receive_waiting(&mut self) {
        while let Ok(job) = self.jobs.try_recv() {
            self.add(job);
        }
    }

    /// Returns the content of the next message that may be published now. Shards take turns. A group may be
    /// published if it is full, or if no group of its shard is in flight.
    pub(crate) fn next(&mut self, is_in_flight: impl Fn(u16) -> bool) -> Option<NextMessage> {
        if let Some(request) = self.park_requests.pop_front() {
            return Some(NextMessage::Park(request));
        }
        let limits = &self.limits;
        let next = self.by_shard.range(self.next_shard..).chain(self.by_shard.range(..self.next_shard));
        let mut ready = next.filter(|(shard, queue)| queue.has_full_group(limits) || !is_in_flight(**shard));
        let shard = *ready.next()?.0;
        self.next_shard = shard.saturating_add(1);
        let mut queue = self.by_shard.remove(&shard)?;
        let group = queue.next_group(limits)?;
        if !queue.submissions.is_empty() {
            self.by_shard.insert(shard, queue);
        }
        Some(NextMessage::Group(shard, group))
    }

    pub(crate) fn refuse(&mut self, cause: QueueFailure) {
        let waiting = std::mem::take(&mut self.by_shard).into_values();
        for pending in waiting.flat_map(|queue| queue.submissions) {
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

    fn add(&mut self, job: PublishJob) {
        match job {
            PublishJob::Publish(pending) => {
                let shard = shard_for(pending.organization(), self.shards.count());
                self.by_shard.entry(shard).or_default().push(pending);
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

    fn queue(config: &QueueConfig) -> (PublishQueue, impl FnMut(u16) + use<>) {
        let (sender, queue) = PublishQueue::new(ShardCount::new(2), GroupLimits::new(config));
        let memory = MemoryLimit::new(config);
        let organizations = [organization_of_shard(0), organization_of_shard(1)];
        let publish = move |shard: u16| {
            let (organization, body) = (organizations[usize::from(shard)], Bytes::from(shard.to_string()));
            let (pending, _answer) = PendingSubmission::new(organization, body, memory.reserve(1).unwrap());
            sender.publish(pending).unwrap();
        };
        (queue, publish)
    }

    /// The shards and submissions of all messages that may be published while these shards have one in flight.
    fn messages(queue: &mut PublishQueue, in_flight: &[u16]) -> Vec<(u16, String)> {
        let next = || match queue.next(|shard| in_flight.contains(&shard)) {
            Some(NextMessage::Group(shard, group)) => {
                Some((shard, String::from_utf8(group.message()).unwrap()))
            }
            _ => None,
        };
        std::iter::from_fn(next).collect()
    }

    fn message(bodies: &str) -> String {
        format!(r#"{{"v":1,"submissions":[{bodies}]}}"#)
    }

    #[tokio::test]
    async fn a_message_contains_submissions_of_one_shard_and_shards_take_turns() {
        let (mut queue, mut publish) = queue(&QueueConfig { max_group_size: 2, ..QueueConfig::new("") });
        [0, 0, 0, 1, 0].into_iter().for_each(&mut publish);
        assert!(queue.receive().await);
        let all = messages(&mut queue, &[]);
        assert_eq!(all, [(0, message("0,0")), (1, message("1")), (0, message("0,0"))]);
        assert!(queue.is_empty());
        drop(publish);
        assert!(!queue.receive().await);
    }

    #[tokio::test]
    async fn a_group_waits_for_the_one_in_flight_until_it_is_full() {
        for config in [
            QueueConfig { max_group_size: 3, ..QueueConfig::new("") },
            QueueConfig { max_group_bytes: 3, ..QueueConfig::new("") },
        ] {
            let (mut queue, mut publish) = queue(&config);
            [0, 0, 1].into_iter().for_each(&mut publish);
            assert!(queue.receive().await);
            assert_eq!(messages(&mut queue, &[0, 1]), []);
            assert_eq!(messages(&mut queue, &[0]), [(1, message("1"))], "another shard does not wait");
            [0, 0, 0, 0].into_iter().for_each(&mut publish);
            queue.receive_waiting();
            assert_eq!(messages(&mut queue, &[0]), [(0, message("0,0,0")), (0, message("0,0,0"))]);
            [0].into_iter().for_each(&mut publish);
            queue.receive_waiting();
            assert_eq!(messages(&mut queue, &[0]), []);
            assert_eq!(messages(&mut queue, &[]), [(0, message("0"))]);
        }
    }
}
