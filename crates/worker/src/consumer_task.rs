//! One lane of a worker: `receive → normalize → commit → settle`, batch after batch.

use std::time::Duration;

use futures_util::future::join_all;
use leadgate_domain::Timestamp;
use leadgate_queue::{Consumer, ReceiveResult};

use crate::backlog_age::{BacklogAge, BatchGuard};
use crate::backoff::BackoffDelay;
use crate::batch::{self, DecodedDelivery, DeliveryGroup};
use crate::commit::{CommitFailure, Committer};
use crate::isolate;

/// From this delivery on, what a message carries is run one by one: it may be what ends its workers.
const ISOLATE_AFTER_DELIVERIES: u32 = 2;

/// Pauses after deliveries were given back.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What one round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RoundResult {
    pub deliveries: usize,
    pub submissions: usize,
    /// Whether deliveries were given back because the database was away for too long.
    pub requeued: bool,
}

/// A consumer with its batches. Several lanes make several batches in flight.
pub struct ConsumerTask {
    pub(crate) consumer: Consumer,
    pub(crate) committer: Committer,
    pub(crate) prefetch: usize,
    pub(crate) batch: usize,
    pub(crate) backlog_age: BacklogAge,
    /// What was taken last, until it is settled: a batch that was given back still waits.
    pub(crate) current_batch: Option<BatchGuard>,
}

impl ConsumerTask {
    /// Works until the worker is told to stop. A batch that was begun is finished.
    pub async fn run(mut self) {
        let stop = self.committer.stop.clone();
        let mut pauses = BackoffDelay::new(FIRST_PAUSE, LONGEST_PAUSE);
        while !stop.is_cancelled() {
            if !self.run_once().await.requeued {
                pauses.reset();
                continue;
            }
            // A database may answer and refuse all the same: a grant may be missing.
            self.committer.wait_for_database().await;
            stop.run_until_cancelled(tokio::time::sleep(pauses.next())).await;
            self.current_batch = None;
        }
        self.consumer.release().await;
    }

    /// Takes what is ready, waiting for one delivery at least, and settles all of it.
    pub async fn run_once(&mut self) -> RoundResult {
        let received = self.committer.stop.run_until_cancelled(self.consumer.receive(self.prefetch)).await;
        let Some(ReceiveResult::Deliveries(deliveries)) = received else { return RoundResult::default() };
        let mut progress = RoundResult { deliveries: deliveries.len(), ..RoundResult::default() };
        let opened: Vec<_> = deliveries.into_iter().map(DecodedDelivery::new).collect();
        self.current_batch = oldest(&opened).map(|oldest| self.backlog_age.begin_batch(oldest));
        let (suspects, clean): (Vec<_>, Vec<_>) =
            opened.into_iter().partition(|opened| opened.delivery.deliveries() >= ISOLATE_AFTER_DELIVERIES);
        if self.settle(clean, suspects, &mut progress).await.is_err() {
            self.consumer.release().await;
            metrics::counter!("leadgate_worker_releases_total").increment(1);
            progress.requeued = true;
        } else {
            self.current_batch = None;
        }
        progress
    }

    /// Stops at the first batch that is held: those behind it would only be held as long again.
    async fn settle(
        &self,
        clean: Vec<DecodedDelivery>,
        suspects: Vec<DecodedDelivery>,
        progress: &mut RoundResult,
    ) -> Result<(), CommitFailure> {
        for group in batch::group(clean, self.batch) {
            progress.submissions += group.submissions.len();
            self.settle_group(group).await?;
        }
        for suspect in suspects {
            progress.submissions += suspect.submissions.len();
            self.settle_individually(suspect).await?;
        }
        Ok(())
    }

    /// The usual way: all submissions of a group in one transaction.
    async fn settle_group(
        &self,
        DeliveryGroup { submissions, opened }: DeliveryGroup,
    ) -> Result<(), CommitFailure> {
        match self.committer.commit(submissions).await {
            Ok(()) => {
                join_all(opened.into_iter().map(DecodedDelivery::settle)).await;
                Ok(())
            }
            Err(CommitFailure::Crashed) => {
                for DecodedDelivery { delivery, .. } in opened {
                    // The first reading went down with the batch.
                    self.settle_individually(DecodedDelivery::new(delivery)).await?;
                }
                Ok(())
            }
            held => held,
        }
    }

    /// The careful way: each submission by itself, counted before it is tried.
    async fn settle_individually(&self, opened: DecodedDelivery) -> Result<(), CommitFailure> {
        for submission in &opened.submissions {
            isolate::settle(&self.committer, submission).await?;
        }
        opened.settle().await;
        Ok(())
    }
}

fn oldest(opened: &[DecodedDelivery]) -> Option<Timestamp> {
    opened.iter().flat_map(|opened| &opened.submissions).map(|submission| submission.received_at).min()
}
