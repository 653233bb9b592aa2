//! The right to settle one delivery.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use lapin::Acker;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::held::Entry;
use super::line::{Job, LineHandle, Parking};
use crate::{ParkReason, Settled};

/// For how long a message is kept that could not be put aside.
const PARK_RETRY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Ticket {
    acker: Acker,
    line: LineHandle,
    patience: Duration,
    _entry: Entry,
}

impl Ticket {
    pub(crate) fn new(acker: Acker, line: LineHandle, patience: Duration, entry: Entry) -> Self {
        Self { acker, line, patience, _entry: entry }
    }

    /// Whether the channel that delivered it still lives.
    pub(crate) fn holds(&self) -> bool {
        self.acker.usable()
    }

    pub(crate) async fn ack(self) -> Settled {
        // `Ok(false)` and an error both mean that the channel is gone, and the delivery with it.
        match timeout(self.patience, self.acker.ack(BasicAckOptions::default())).await {
            Ok(Ok(true)) => Settled::Done,
            Ok(Ok(false) | Err(_)) | Err(_) => Settled::Lost,
        }
    }

    pub(crate) async fn park(self, payload: Bytes, why: ParkReason) -> Settled {
        let (answer, answered) = oneshot::channel();
        let sent = self.line.send(Job::Park(Parking { payload, why, answer }));
        if sent.is_ok() && matches!(timeout(self.patience, answered).await, Ok(Ok(Ok(())))) {
            return self.ack().await;
        }
        // It would come back at once, and be tried again at once.
        sleep(PARK_RETRY).await;
        self.give_back();
        Settled::Lost
    }

    pub(crate) fn give_back(&self) {
        // One poll hands the nack to lapin's thread; nobody has to wait until it is written.
        let options = BasicNackOptions { requeue: true, ..Default::default() };
        self.acker.nack(options).now_or_never();
    }
}
