//! One lane of a worker: `receive → normalize → commit → settle`, batch after batch.

use std::time::Duration;

use futures_util::future::join_all;
use leadgate_domain::Timestamp;
use leadgate_queue::{Consumer, Received};

use crate::batch::{self, Group, Opened};
use crate::commit::{Committer, Unsettled};
use crate::in_hand::{Batch, InHand};
use crate::isolate;
use crate::patience::Pauses;

/// From this delivery on, what a message carries is run one by one: it may be what ends its workers.
const SUSPECT_AFTER: u32 = 2;

/// Pauses after deliveries were given back.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

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
        let mut pauses = Pauses::new(FIRST_PAUSE, LONGEST_PAUSE);
        while !stop.is_cancelled() {
            if !self.run_once().await.released {
                pauses.reset();
                continue;
            }
            // A database may answer and refuse all the same: a grant may be missing.
            self.committer.until_database_answers().await;
            stop.run_until_cancelled(tokio::time::sleep(pauses.next())).await;
            self.at_hand = None;
        }
        self.consumer.release().await;
    }

    /// Takes what is ready, waiting for one delivery at least, and settles all of it.
    pub async fn run_once(&mut self) -> Progress {
        let received = self.committer.stop.run_until_cancelled(self.consumer.receive(self.prefetch)).await;
        let Some(Received::Deliveries(deliveries)) = received else { return Progress::default() };
        let mut progress = Progress { deliveries: deliveries.len(), ..Progress::default() };
        let opened: Vec<_> = deliveries.into_iter().map(Opened::new).collect();
        self.at_hand = oldest(&opened).map(|oldest| self.in_hand.take(oldest));
        let (suspects, clean): (Vec<_>, Vec<_>) =
            opened.into_iter().partition(|opened| opened.delivery.deliveries() >= SUSPECT_AFTER);
        if self.settle(clean, suspects, &mut progress).await.is_err() {
            self.consumer.release().await;
            metrics::counter!("leadgate_worker_releases_total").increment(1);
            progress.released = true;
        } else {
            self.at_hand = None;
        }
        progress
    }

    /// Stops at the first batch that is held: those behind it would only be held as long again.
    async fn settle(
        &self,
        clean: Vec<Opened>,
        suspects: Vec<Opened>,
        progress: &mut Progress,
    ) -> Result<(), Unsettled> {
        for group in batch::group(clean, self.batch) {
            progress.submissions += group.submissions.len();
            self.settle_together(group).await?;
        }
        for suspect in suspects {
            progress.submissions += suspect.submissions.len();
            self.settle_alone(suspect).await?;
        }
        Ok(())
    }

    /// The usual way: all submissions of a group in one transaction.
    async fn settle_together(&self, Group { submissions, opened }: Group) -> Result<(), Unsettled> {
        match self.committer.commit(submissions).await {
            Ok(()) => {
                join_all(opened.into_iter().map(Opened::settle)).await;
                Ok(())
            }
            Err(Unsettled::Crashed) => {
                for Opened { delivery, .. } in opened {
                    // The first reading went down with the batch.
                    self.settle_alone(Opened::new(delivery)).await?;
                }
                Ok(())
            }
            held => held,
        }
    }

    /// The careful way: each submission by itself, counted before it is tried.
    async fn settle_alone(&self, opened: Opened) -> Result<(), Unsettled> {
        for submission in &opened.submissions {
            isolate::settle(&self.committer, submission).await?;
        }
        opened.settle().await;
        Ok(())
    }
}

fn oldest(opened: &[Opened]) -> Option<Timestamp> {
    opened.iter().flat_map(|opened| &opened.submissions).map(|submission| submission.received_at).min()
}
