//! What waits to be published. Each message goes to one shard, so submissions gather by shard.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::error::{PublishError, QueueError, QueueFailure};
use crate::raw_delivery::ParkReason;
use crate::shard_count::{ShardCount, shard_of};
use crate::submission_group::{GroupLimits, PendingSubmission, SubmissionGroup};

pub(crate) enum PublishJob {
    Publish(PendingSubmission),
    Park(ParkRequest),
}

/// A message to park, for operators or for a newer build.
pub(crate) struct ParkRequest {
    pub(crate) payload: Bytes,
    pub(crate) why: ParkReason,
    pub(crate) answer: oneshot::Sender<Result<(), PublishError>>,
}

impl PublishJob {
    fn refuse(self, cause: QueueFailure) {
        match self {
            Self::Publish(waiting) => waiting.settle(Err(PublishError::Unavailable(cause))),
            Self::Park(parking) => _ = parking.answer.send(Err(PublishError::Unavailable(cause))),
        }
    }
}

/// Gives jobs to the publish loop, which ends when all senders are gone.
#[derive(Debug, Clone)]
pub(crate) struct AmqpPublishSender(mpsc::UnboundedSender<PublishJob>);

impl AmqpPublishSender {
    pub(crate) fn publish(&self, waiting: PendingSubmission) -> Result<(), QueueError> {
        self.send(PublishJob::Publish(waiting))
    }

    pub(crate) fn park(&self, parking: ParkRequest) -> Result<(), QueueError> {
        self.send(PublishJob::Park(parking))
    }

    fn send(&self, job: PublishJob) -> Result<(), QueueError> {
        self.0.send(job).map_err(|_| QueueError::Closed)
    }
}

pub(crate) struct PublishQueue {
    jobs: mpsc::UnboundedReceiver<PublishJob>,
    shards: ShardCount,
    limits: GroupLimits,
    /// Without shards for which nothing waits.
    by_shard: BTreeMap<u16, VecDeque<PendingSubmission>>,
    /// The shard whose turn it is.
    turn: u16,
    parkings: VecDeque<ParkRequest>,
}

/// What goes into the next message.
pub(crate) enum NextMessage {
    Group(u16, SubmissionGroup),
    Park(ParkRequest),
}

impl PublishQueue {
    pub(crate) fn new(shards: ShardCount, limits: GroupLimits) -> (AmqpPublishSender, Self) {
        let (sender, jobs) = mpsc::unbounded_channel();
        let queue =
            Self { jobs, shards, limits, by_shard: BTreeMap::new(), turn: 0, parkings: VecDeque::new() };
        (AmqpPublishSender(sender), queue)
    }

    /// Nothing waits, here or in the channel.
    pub(crate) fn is_empty(&self) -> bool {
        self.has_none() && self.jobs.is_empty()
    }

    /// Waits until there is something to publish. False once no sender is left and nothing waits.
    pub(crate) async fn wait_for_work(&mut self) -> bool {
        if self.has_none() {
            let Some(job) = self.jobs.recv().await else { return false };
            self.add(job);
        }
        while let Ok(job) = self.jobs.try_recv() {
            self.add(job);
        }
        true
    }

    /// The next message's content, shard after shard.
    pub(crate) fn next(&mut self) -> Option<NextMessage> {
        if let Some(parking) = self.parkings.pop_front() {
            return Some(NextMessage::Park(parking));
        }
        let next = self.by_shard.range(self.turn..).next().or_else(|| self.by_shard.first_key_value());
        let shard = *next?.0;
        self.turn = shard.saturating_add(1);
        let mut waiting = self.by_shard.remove(&shard)?;
        let mut group = SubmissionGroup::of(waiting.pop_front()?);
        while !group.is_full(&self.limits) {
            let Some(next) = waiting.pop_front() else { break };
            if let Err(next) = group.add(next, &self.limits) {
                waiting.push_front(next);
                break;
            }
        }
        if !waiting.is_empty() {
            self.by_shard.insert(shard, waiting);
        }
        Some(NextMessage::Group(shard, group))
    }

    pub(crate) fn refuse(&mut self, cause: QueueFailure) {
        for waiting in std::mem::take(&mut self.by_shard).into_values().flatten() {
            PublishJob::Publish(waiting).refuse(cause);
        }
        for parking in self.parkings.drain(..) {
            PublishJob::Park(parking).refuse(cause);
        }
    }

    /// Refuses all jobs while it is polled. Returns when no sender is left.
    pub(crate) async fn refuse_all(&mut self, cause: impl Fn() -> QueueFailure) {
        self.refuse(cause());
        while let Some(job) = self.jobs.recv().await {
            job.refuse(cause());
        }
    }

    fn has_none(&self) -> bool {
        self.parkings.is_empty() && self.by_shard.is_empty()
    }

    fn add(&mut self, job: PublishJob) {
        match job {
            PublishJob::Publish(waiting) => {
                let shard = shard_of(waiting.organization(), self.shards.count());
                self.by_shard.entry(shard).or_default().push_back(waiting);
            }
            PublishJob::Park(parking) => self.parkings.push_back(parking),
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

    /// An organization whose leads go to this one of two shards.
    fn of_shard(shard: u16) -> OrganizationId {
        std::iter::repeat_with(OrganizationId::generate).find(|id| shard_of(*id, 2) == shard).unwrap()
    }

    #[tokio::test]
    async fn a_message_has_submissions_of_one_shard_only_and_shards_take_turns() {
        let config = QueueConfig { group_max: 2, ..QueueConfig::new("") };
        let (sender, mut queue) = PublishQueue::new(ShardCount::new(2), GroupLimits::new(&config));
        let memory = MemoryLimit::new(&config);
        let organizations = [of_shard(0), of_shard(1)];
        for turn in [0, 0, 0, 1, 0] {
            let body = Bytes::from(turn.to_string());
            let (waiting, _answer) =
                PendingSubmission::new(organizations[turn], body, memory.reserve(1).unwrap());
            sender.publish(waiting).unwrap();
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
