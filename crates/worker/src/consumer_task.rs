//! A consumer task: `receive → normalize → commit → settle`, batch after batch.

use std::time::Duration;

use futures_util::future::join_all;
use leadgate_domain::Timestamp;
use leadgate_queue::{Consumer, ReceiveResult};

use crate::backlog_age::{BacklogAge, BatchGuard};
use crate::backoff::BackoffDelay;
use crate::batch::{self, DecodedDelivery, DeliveryGroup};
use crate::commit::{CommitFailure, Committer};
use crate::isolate;

/// A message with this many earlier deliveries is processed one submission at a time, because one of its
/// submissions may crash the worker.
const ISOLATE_AFTER_DELIVERIES: u32 = 2;

/// Delays after a requeue.
const MIN_DELAY: Duration = Duration::from_secs(1);
const MAX_DELAY: Duration = Duration::from_secs(30);

/// The result of one round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RoundResult {
    pub deliveries: usize,
    pub submissions: usize,
    /// Whether deliveries were requeued because the database was unavailable for too long.
    pub requeued: bool,
}

/// Receives and commits batches. A worker runs several tasks, so several batches are in flight.
pub struct ConsumerTask {
    pub(crate) consumer: Consumer,
    pub(crate) committer: Committer,
    pub(crate) prefetch: usize,
    pub(crate) batch: usize,
    pub(crate) backlog_age: BacklogAge,
    /// The batch that is not settled yet. A requeued batch stays in the backlog age until the delay ends.
    pub(crate) current_batch: Option<BatchGuard>,
}

impl ConsumerTask {
    /// Runs until the worker stops. Finishes the current batch.
    pub async fn run(mut self) {
        let stop = self.committer.stop.clone();
        let mut backoff = BackoffDelay::new(MIN_DELAY, MAX_DELAY);
        while !stop.is_cancelled() {
            if !self.run_once().await.requeued {
                backoff.reset();
                continue;
            }
            // The delay is needed because a database that answers may still refuse the batch, for example
            // without a grant.
            self.committer.wait_for_database().await;
            stop.run_until_cancelled(tokio::time::sleep(backoff.next())).await;
            self.current_batch = None;
        }
        self.consumer.requeue_all().await;
    }

    /// Waits for at least one delivery, receives all that are ready, and settles them.
    pub async fn run_once(&mut self) -> RoundResult {
        let received = self.committer.stop.run_until_cancelled(self.consumer.receive(self.prefetch)).await;
        let Some(ReceiveResult::Deliveries(deliveries)) = received else { return RoundResult::default() };
        let mut result = RoundResult { deliveries: deliveries.len(), ..RoundResult::default() };
        let decoded: Vec<_> = deliveries.into_iter().map(DecodedDelivery::new).collect();
        self.current_batch = oldest(&decoded).map(|oldest| self.backlog_age.begin_batch(oldest));
        let (suspects, clean): (Vec<_>, Vec<_>) = decoded
            .into_iter()
            .partition(|decoded| decoded.delivery.delivery_count() >= ISOLATE_AFTER_DELIVERIES);
        if self.settle(clean, suspects, &mut result).await.is_err() {
            self.consumer.requeue_all().await;
            metrics::counter!("leadgate_worker_requeues_total").increment(1);
            result.requeued = true;
        } else {
            self.current_batch = None;
        }
        result
    }

    /// Stops at the first batch that cannot be committed: the next ones would only wait equally long.
    async fn settle(
        &self,
        clean: Vec<DecodedDelivery>,
        suspects: Vec<DecodedDelivery>,
        result: &mut RoundResult,
    ) -> Result<(), CommitFailure> {
        for group in batch::group(clean, self.batch) {
            result.submissions += group.submissions.len();
            self.settle_group(group).await?;
        }
        for suspect in suspects {
            result.submissions += suspect.submissions.len();
            self.settle_individually(suspect).await?;
        }
        Ok(())
    }

    /// The usual case: commits all submissions of a group in one transaction.
    async fn settle_group(
        &self,
        DeliveryGroup { submissions, deliveries }: DeliveryGroup,
    ) -> Result<(), CommitFailure> {
        match self.committer.commit(submissions).await {
            Ok(()) => {
                join_all(deliveries.into_iter().map(DecodedDelivery::settle)).await;
                Ok(())
            }
            Err(CommitFailure::Crashed) => {
                for DecodedDelivery { delivery, .. } in deliveries {
                    // The submissions were lost in the panic, so the message is decoded again.
                    self.settle_individually(DecodedDelivery::new(delivery)).await?;
                }
                Ok(())
            }
            unavailable => unavailable,
        }
    }

    /// The careful case: commits each submission alone and counts each attempt before it is made.
    async fn settle_individually(&self, decoded: DecodedDelivery) -> Result<(), CommitFailure> {
        for submission in &decoded.submissions {
            isolate::commit_alone(&self.committer, submission).await?;
        }
        decoded.settle().await;
        Ok(())
    }
}

fn oldest(decoded: &[DecodedDelivery]) -> Option<Timestamp> {
    decoded.iter().flat_map(|decoded| &decoded.submissions).map(|submission| submission.received_at).min()
}
