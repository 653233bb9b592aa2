//! What waits to be published. Each message goes to one shard, so submissions gather by shard.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::error::{Cause, QueueError, Refused};
use crate::group::{Group, Limits, Waiting};
use crate::raw_delivery::ParkReason;
use crate::shards::{Shards, shard_of};

pub(crate) enum Job {
    Publish(Waiting),
    Park(Parking),
}

/// A message to park, for operators or for a newer build.
pub(crate) struct Parking {
    pub(crate) payload: Bytes,
    pub(crate) why: ParkReason,
    pub(crate) answer: oneshot::Sender<Result<(), Refused>>,
}

impl Job {
    fn refuse(self, cause: Cause) {
        match self {
            Self::Publish(waiting) => waiting.settle(Err(Refused::Unavailable(cause))),
            Self::Park(parking) => _ = parking.answer.send(Err(Refused::Unavailable(cause))),
        }
    }
}

/// Gives jobs to the publish loop, which ends when all senders are gone.
#[derive(Debug, Clone)]
pub(crate) struct PublishSender(mpsc::UnboundedSender<Job>);

impl PublishSender {
    pub(crate) fn publish(&self, waiting: Waiting) -> Result<(), QueueError> {
        self.send(Job::Publish(waiting))
    }

    pub(crate) fn park(&self, parking: Parking) -> Result<(), QueueError> {
        self.send(Job::Park(parking))
    }

    fn send(&self, job: Job) -> Result<(), QueueError> {
        self.0.send(job).map_err(|_| QueueError::Closed)
    }
}

pub(crate) struct PublishQueue {
    jobs: mpsc::UnboundedReceiver<Job>,
    shards: Shards,
    limits: Limits,
    /// Without shards for which nothing waits.
    by_shard: BTreeMap<u16, VecDeque<Waiting>>,
    /// The shard whose turn it is.
    turn: u16,
    parkings: VecDeque<Parking>,
}

/// What goes into the next message.
pub(crate) enum Next {
    Group(u16, Group),
    Parking(Parking),
}

impl PublishQueue {
    pub(crate) fn new(shards: Shards, limits: Limits) -> (PublishSender, Self) {
        let (sender, jobs) = mpsc::unbounded_channel();
        let queue =
            Self { jobs, shards, limits, by_shard: BTreeMap::new(), turn: 0, parkings: VecDeque::new() };
        (PublishSender(sender), queue)
    }

    /// Nothing waits, here or in the channel.
    pub(crate) fn is_empty(&self) -> bool {
        self.has_none() && self.jobs.is_empty()
    }

    /// Waits until there is something to publish. False once no sender is left and nothing waits.
    pub(crate) async fn filled(&mut self) -> bool {
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
    pub(crate) fn next(&mut self) -> Option<Next> {
        if let Some(parking) = self.parkings.pop_front() {
            return Some(Next::Parking(parking));
        }
        let next = self.by_shard.range(self.turn..).next().or_else(|| self.by_shard.first_key_value());
        let shard = *next?.0;
        self.turn = shard.saturating_add(1);
        let mut waiting = self.by_shard.remove(&shard)?;
        let mut group = Group::of(waiting.pop_front()?);
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
        Some(Next::Group(shard, group))
    }

    pub(crate) fn refuse(&mut self, cause: Cause) {
        for waiting in std::mem::take(&mut self.by_shard).into_values().flatten() {
            Job::Publish(waiting).refuse(cause);
        }
        for parking in self.parkings.drain(..) {
            Job::Park(parking).refuse(cause);
        }
    }

    /// Refuses all jobs while it is polled. Returns when no sender is left.
    pub(crate) async fn refuse_all(&mut self, cause: impl Fn() -> Cause) {
        self.refuse(cause());
        while let Some(job) = self.jobs.recv().await {
            job.refuse(cause());
        }
    }

    fn has_none(&self) -> bool {
        self.parkings.is_empty() && self.by_shard.is_empty()
    }

    fn add(&mut self, job: Job) {
        match job {
            Job::Publish(waiting) => {
                let shard = shard_of(waiting.organization(), self.shards.count());
                self.by_shard.entry(shard).or_default().push_back(waiting);
            }
            Job::Park(parking) => self.parkings.push_back(parking),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use leadgate_domain::OrganizationId;

    use super::*;
    use crate::config::QueueConfig;
    use crate::group::MemoryLimit;

    /// An organization whose leads go to this one of two shards.
    fn of_shard(shard: u16) -> OrganizationId {
        std::iter::repeat_with(OrganizationId::generate).find(|id| shard_of(*id, 2) == shard).unwrap()
    }

    #[tokio::test]
    async fn a_message_has_submissions_of_one_shard_only_and_shards_take_turns() {
        let config = QueueConfig { group_max: 2, ..QueueConfig::new("") };
        let (sender, mut queue) = PublishQueue::new(Shards::new(2), Limits::new(&config));
        let memory = MemoryLimit::new(&config);
        let organizations = [of_shard(0), of_shard(1)];
        for turn in [0, 0, 0, 1, 0] {
            let body = Bytes::from(turn.to_string());
            let (waiting, _answer) = Waiting::new(organizations[turn], body, memory.reserve(1).unwrap());
            sender.publish(waiting).unwrap();
        }
        assert!(queue.filled().await);
        let mut messages = Vec::new();
        while let Some(Next::Group(shard, group)) = queue.next() {
            messages.push((shard, String::from_utf8(group.message()).unwrap()));
        }
        let message = |bodies: &str| format!(r#"{{"v":1,"submissions":[{bodies}]}}"#);
        assert_eq!(messages, [(0, message("0,0")), (1, message("1")), (0, message("0,0"))]);
        assert!(queue.is_empty());
        drop(sender);
        assert!(!queue.filled().await);
    }
}
