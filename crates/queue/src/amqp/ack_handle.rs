//! The handle that settles one delivery.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use lapin::Acker;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::publish_queue::{AmqpPublishSender, ParkRequest};
use super::unacked::UnackedGuard;
use crate::raw_delivery::{ParkReason, SettleResult};

/// Delay before a message that could not be parked is requeued. Without it, the message would come back at
/// once.
const PARK_RETRY: Duration = Duration::from_secs(1);

/// Settles a delivery. Dropping it requeues the message, unless it was settled.
#[derive(Debug)]
pub(crate) struct AmqpAckHandle {
    acker: Acker,
    sender: AmqpPublishSender,
    timeout: Duration,
    _unacked: UnackedGuard,
}

impl AmqpAckHandle {
    pub(crate) fn new(
        acker: Acker,
        sender: AmqpPublishSender,
        timeout: Duration,
        unacked: UnackedGuard,
    ) -> Self {
        Self { acker, sender, timeout, _unacked: unacked }
    }

    /// Whether the channel that delivered it is still open.
    pub(crate) fn is_valid(&self) -> bool {
        self.acker.usable()
    }

    pub(crate) async fn ack(self) -> SettleResult {
        // `Ok(false)` and an error both mean that the channel is closed, so the delivery is requeued.
        match timeout(self.timeout, self.acker.ack(BasicAckOptions::default())).await {
            Ok(Ok(true)) => SettleResult::Settled,
            Ok(Ok(false) | Err(_)) | Err(_) => SettleResult::Lost,
        }
    }

    pub(crate) async fn park(self, payload: Bytes, reason: ParkReason) -> SettleResult {
        match self.park_submission(payload, reason).await {
            SettleResult::Settled => self.ack().await,
            SettleResult::Lost => SettleResult::Lost,
        }
    }

    pub(crate) async fn park_submission(&self, payload: Bytes, reason: ParkReason) -> SettleResult {
        let (answer, receiver) = oneshot::channel();
        let sent = self.sender.park(ParkRequest { payload, reason, answer });
        if sent.is_ok() && matches!(timeout(self.timeout, receiver).await, Ok(Ok(Ok(())))) {
            return SettleResult::Settled;
        }
        sleep(PARK_RETRY).await;
        SettleResult::Lost
    }
}

impl Drop for AmqpAckHandle {
    fn drop(&mut self) {
        if self.is_valid() {
            // One poll passes the nack to the thread of lapin. Waiting for the write is not necessary.
            let options = BasicNackOptions { requeue: true, ..Default::default() };
            self.acker.nack(options).now_or_never();
        }
    }
}
