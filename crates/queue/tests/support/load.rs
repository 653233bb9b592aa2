//! Publishers that publish continuously, and a record of all results.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use leadgate_queue::{PublishError, Queue, QueueConfig, QueueFailure, Role};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{PUBLISH_LIMIT, TEST_TIMEOUT, numbers, open, organization, receive, submission};

/// Number of concurrent publishers.
const PUBLISHERS: usize = 64;
const UNROUTABLE: PublishError = PublishError::Unavailable(QueueFailure::Unroutable);
/// Pause of a publisher after a refusal.
const REFUSAL_PAUSE: Duration = Duration::from_millis(5);

#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    pub accepted: usize,
    pub refused: usize,
    pub unroutable: usize,
}

pub struct Answer {
    pub number: usize,
    pub outcome: Result<(), PublishError>,
    pub took: Duration,
}

pub struct Load {
    counts: watch::Receiver<Counts>,
    stop: CancellationToken,
    publishers: JoinSet<Vec<Answer>>,
}

impl Load {
    pub fn start(queue: &Queue) -> Self {
        let (sender, counts) = watch::channel(Counts::default());
        let (stop, next, sender) =
            (CancellationToken::new(), Arc::new(AtomicUsize::new(0)), Arc::new(sender));
        let mut publishers = JoinSet::new();
        for _ in 0..PUBLISHERS {
            let (publisher, stop, next) = (queue.publisher(), stop.clone(), Arc::clone(&next));
            let sender = Arc::clone(&sender);
            publishers.spawn(async move {
                let mut answers = Vec::new();
                while !stop.is_cancelled() {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let started = Instant::now();
                    let outcome =
                        publisher.publish(organization(number), Bytes::from(submission(number))).await;
                    answers.push(Answer { number, outcome, took: started.elapsed() });
                    sender.send_modify(|counts| match outcome {
                        Ok(()) => counts.accepted += 1,
                        Err(error) => {
                            counts.refused += 1;
                            counts.unroutable += usize::from(error == UNROUTABLE);
                        }
                    });
                    if outcome.is_err() {
                        tokio::time::sleep(REFUSAL_PAUSE).await;
                    }
                }
                answers
            });
        }
        Self { counts, stop, publishers }
    }

    /// Waits until `goal` publishes were refused because of unroutable messages on their channel.
    pub async fn wait_for_unroutable(&mut self, goal: usize) {
        let reached = self.counts.wait_for(|counts| counts.unroutable >= goal);
        timeout(TEST_TIMEOUT, reached)
            .await
            .map(drop)
            .unwrap_or_else(|_| panic!("too few publishes were refused as unroutable"));
    }

    /// Waits until `more` further publishes were accepted.
    pub async fn accepts(&mut self, more: usize) {
        let goal = self.counts.borrow().accepted + more;
        let reached = self.counts.wait_for(|counts| counts.accepted >= goal);
        let last = timeout(TEST_TIMEOUT, reached).await.map(|counts| *counts.unwrap());
        last.unwrap_or_else(|_| panic!("too few publishes were accepted: {:?}", self.counts.borrow()));
    }

    /// Waits until `more` further publishes were refused.
    pub async fn refuses(&mut self, more: usize) {
        let goal = self.counts.borrow().refused + more;
        let reached = self.counts.wait_for(|counts| counts.refused >= goal);
        let last = timeout(TEST_TIMEOUT, reached).await.map(|counts| *counts.unwrap());
        last.unwrap_or_else(|_| panic!("too few publishes were refused: {:?}", self.counts.borrow()));
    }

    /// Stops the load. Checks that every publish was answered within the time limit.
    pub async fn stop(self) -> Vec<Answer> {
        self.stop.cancel();
        let answers: Vec<Answer> = self.publishers.join_all().await.into_iter().flatten().collect();
        let slowest = answers.iter().map(|answer| answer.took).max().unwrap();
        assert!(slowest < PUBLISH_LIMIT, "a publish took {slowest:?}");
        println!("{} answers, the slowest after {slowest:?}, {:?}", answers.len(), kinds(&answers));
        answers
    }
}

fn kinds(answers: &[Answer]) -> std::collections::BTreeMap<&'static str, usize> {
    let mut kinds = std::collections::BTreeMap::new();
    for answer in answers {
        *kinds.entry(answer.outcome.map_or_else(|refused| refused.code(), |()| "accepted")).or_default() += 1;
    }
    kinds
}

pub fn accepted(answers: &[Answer]) -> BTreeSet<usize> {
    answers.iter().filter(|answer| answer.outcome.is_ok()).map(|answer| answer.number).collect()
}

/// Consumes the queue until all accepted submissions were received, so no confirm was false. Refused
/// submissions may be in the queue, too.
pub async fn receive_all(config: QueueConfig, answers: &[Answer]) {
    let queue = open(config, Role::Worker).await;
    let mut missing = accepted(answers);
    let (mut consumer, mut received) = (queue.consumer(), 0);
    println!("{} accepted", missing.len());
    while !missing.is_empty() {
        for delivery in receive(&mut consumer, 32).await {
            for number in numbers(delivery.payload()) {
                missing.remove(&number);
                received += 1;
            }
            _ = delivery.ack().await;
        }
    }
    println!("{received} received");
    queue.shutdown().await;
}
