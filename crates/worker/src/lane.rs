//! One lane of a worker: `receive → normalize → commit → settle`, batch after batch.

use leadgate_domain::{Submission, Timestamp, message};
use leadgate_queue::{Consumer, Delivery, Received, Settled};

use crate::batch::{self, Opened};
use crate::commit::{Committer, Unsettled};
use crate::in_hand::{Batch, InHand};
use crate::isolate;

/// From this delivery on, what a message carries is run one by one: it may be what ends its workers.
const SUSPECT_AFTER: u32 = 2;

/// What one round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    pub deliveries: usize,
    pub submissions: usize,
    /// Whether deliveries were given back because the database was away for too long.
    pub released: bool,
}

/// A consumer with its batches. Several lanes make several batches in flight.
pub struct Lane {
    pub(crate) consumer: Consumer,
    pub(crate) committer: Committer,
    pub(crate) prefetch: usize,
    pub(crate) batch: usize,
    pub(crate) in_hand: InHand,
    /// What was taken last, until it is settled: a batch that was given back still waits.
    pub(crate) at_hand: Option<Batch>,
}

impl Lane {
    /// Works until the worker is told to stop. A batch that was begun is finished.
    pub async fn run(mut self) {
        let stop = self.committer.stop.clone();
        while !stop.is_cancelled() {
            if self.run_once().await.released {
                self.committer.until_database_answers().await;
                self.at_hand = None;
            }
        }
        self.consumer.release().await;
    }

    /// Takes what is ready, waiting for one delivery at least, and settles all of it.
    pub async fn run_once(&mut self) -> Progress {
        let received = self.committer.stop.run_until_cancelled(self.consumer.receive(self.prefetch)).await;
        let Some(Received::Deliveries(deliveries)) = received else { return Progress::default() };
        let mut progress = Progress { deliveries: deliveries.len(), ..Progress::default() };
        let opened = batch::open(deliveries).await;
        self.at_hand = oldest(&opened).map(|oldest| self.in_hand.take(oldest));
        let (suspects, clean): (Vec<_>, Vec<_>) =
            opened.into_iter().partition(|opened| opened.delivery.deliveries() >= SUSPECT_AFTER);
        let mut settled = Ok(());
        for group in batch::group(clean, self.batch) {
            progress.submissions += group.submissions.len();
            settled = self.settle_together(group.deliveries, group.submissions).await.and(settled);
        }
        for suspect in suspects {
            progress.submissions += suspect.submissions.len();
            settled = self.settle_alone(suspect).await.and(settled);
        }
        if settled.is_err() {
            self.consumer.release().await;
            metrics::counter!("leadgate_worker_releases_total").increment(1);
            progress.released = true;
        } else {
            self.at_hand = None;
        }
        progress
    }

    /// The usual way: all submissions of a group in one transaction.
    async fn settle_together(
        &self,
        deliveries: Vec<Delivery>,
        submissions: Vec<Submission>,
    ) -> Result<(), Unsettled> {
        match self.committer.commit(submissions).await {
            Ok(()) => {
                for delivery in deliveries {
                    acknowledge(delivery).await;
                }
                Ok(())
            }
            Err(Unsettled::Crashed) => {
                let mut settled = Ok(());
                for delivery in deliveries {
                    // They were read before; the first reading went down with the batch.
                    let submissions = message::decode(delivery.payload()).unwrap_or_default();
                    settled = self.settle_alone(Opened { delivery, submissions }).await.and(settled);
                }
                settled
            }
            held => held,
        }
    }

    /// The careful way: each submission by itself, counted before it is tried.
    async fn settle_alone(&self, opened: Opened) -> Result<(), Unsettled> {
        for submission in &opened.submissions {
            isolate::settle(&self.committer, submission).await?;
        }
        acknowledge(opened.delivery).await;
        Ok(())
    }
}

/// An acknowledgement that is lost brings the delivery once more, and the store's inbox absorbs it.
async fn acknowledge(delivery: Delivery) {
    if delivery.ack().await == Settled::Lost {
        metrics::counter!("leadgate_worker_acks_lost_total").increment(1);
    }
}

fn oldest(opened: &[Opened]) -> Option<Timestamp> {
    opened.iter().flat_map(|opened| &opened.submissions).map(|submission| submission.received_at).min()
}
