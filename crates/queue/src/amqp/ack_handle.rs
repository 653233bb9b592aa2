//! The right to settle one delivery.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use lapin::Acker;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::publish_queue::{Parking, PublishSender};
use super::unacked::UnackedGuard;
use crate::raw_delivery::{ParkReason, Settled};

/// For how long a message is kept that could not be parked: otherwise it would come back at once, to be tried at once.
const PARK_RETRY: Duration = Duration::from_secs(1);

/// Dropping it gives the message back, unless it was settled.
#[derive(Debug)]
pub(crate) struct AckHandle {
    acker: Acker,
    sender: PublishSender,
    timeout: Duration,
    _unacked: UnackedGuard,
}

impl AckHandle {
    pub(crate) fn new(acker: Acker, sender: PublishSender, timeout: Duration, unacked: UnackedGuard) -> Self {
        Self { acker, sender, timeout, _unacked: unacked }
    }

    /// Whether the channel that delivered it is still open.
    pub(crate) fn is_valid(&self) -> bool {
        self.acker.usable()
    }

    pub(crate) async fn ack(self) -> Settled {
        // `Ok(false)` and an error both mean that the channel is gone, and the delivery with it.
        match timeout(self.timeout, self.acker.ack(BasicAckOptions::default())).await {
            Ok(Ok(true)) => Settled::Done,
            Ok(Ok(false) | Err(_)) | Err(_) => Settled::Lost,
        }
    }

    pub(crate) async fn park(self, payload: Bytes, why: ParkReason) -> Settled {
        match self.park_part(payload, why).await {
            Settled::Done => self.ack().await,
            Settled::Lost => Settled::Lost,
        }
    }

    pub(crate) async fn park_part(&self, payload: Bytes, why: ParkReason) -> Settled {
        let (answer, answered) = oneshot::channel();
        let sent = self.sender.park(Parking { payload, why, answer });
        if sent.is_ok() && matches!(timeout(self.timeout, answered).await, Ok(Ok(Ok(())))) {
            return Settled::Done;
        }
        sleep(PARK_RETRY).await;
        Settled::Lost
    }
}

impl Drop for AckHandle {
    fn drop(&mut self) {
        if self.is_valid() {
            // One poll hands the nack to lapin's thread; there is no need to wait until it is written.
            let options = BasicNackOptions { requeue: true, ..Default::default() };
            self.acker.nack(options).now_or_never();
        }
    }
}
