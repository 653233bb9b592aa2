//! Publishers that never stop, and a record of every answer they got.

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

use super::{BOUND, LONG, numbers, open, organization, receive, submission};

/// How many ask at the same time.
const PUBLISHERS: usize = 64;
const UNROUTABLE: PublishError = PublishError::Unavailable(QueueFailure::Unroutable);
/// What a client does between two refusals.
const BREATH: Duration = Duration::from_millis(5);

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
                        Err(refused) => {
                            counts.refused += 1;
                            counts.unroutable += usize::from(refused == UNROUTABLE);
                        }
                    });
                    if outcome.is_err() {
                        tokio::time::sleep(BREATH).await;
                    }
                }
                answers
            });
        }
        Self { counts, stop, publishers }
    }

    /// Waits until this many were refused because no queue took them, or something else on their channel.
    pub async fn meets_unroutable(&mut self, goal: usize) {
        let reached = self.counts.wait_for(|counts| counts.unroutable >= goal);
        timeout(LONG, reached).await.map(drop).unwrap_or_else(|_| panic!("not unroutable"));
    }

    /// Waits until this many more were accepted.
    pub async fn accepts(&mut self, more: usize) {
        let goal = self.counts.borrow().accepted + more;
        let reached = self.counts.wait_for(|counts| counts.accepted >= goal);
        let last = timeout(LONG, reached).await.map(|counts| *counts.unwrap());
        last.unwrap_or_else(|_| panic!("it accepts again: {:?}", self.counts.borrow()));
    }

    /// Waits until this many more were refused.
    pub async fn refuses(&mut self, more: usize) {
        let goal = self.counts.borrow().refused + more;
        let reached = self.counts.wait_for(|counts| counts.refused >= goal);
        let last = timeout(LONG, reached).await.map(|counts| *counts.unwrap());
        last.unwrap_or_else(|_| panic!("it refuses: {:?}", self.counts.borrow()));
    }

    /// Ends the load. Every answer must have come within the bound.
    pub async fn stop(self) -> Vec<Answer> {
        self.stop.cancel();
        let answers: Vec<Answer> = self.publishers.join_all().await.into_iter().flatten().collect();
        let slowest = answers.iter().map(|answer| answer.took).max().unwrap();
        assert!(slowest < BOUND, "an answer took {slowest:?}");
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

/// Reads the queue until everything accepted was found: no confirm was false. What was refused may be there too.
pub async fn find_all(config: QueueConfig, answers: &[Answer]) {
    let queue = open(config, Role::Worker).await;
    let mut missing = accepted(answers);
    let (mut consumer, mut found) = (queue.consumer(), 0);
    println!("{} accepted", missing.len());
    while !missing.is_empty() {
        for delivery in receive(&mut consumer, 32).await {
            for number in numbers(delivery.payload()) {
                missing.remove(&number);
                found += 1;
            }
            _ = delivery.ack().await;
        }
    }
    println!("{found} found");
    queue.shutdown().await;
}
