//! The right to settle one delivery.

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

/// For how long a message is kept that could not be parked: otherwise it would come back at once, to be tried at once.
const PARK_RETRY: Duration = Duration::from_secs(1);

/// Dropping it gives the message back, unless it was settled.
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
        // `Ok(false)` and an error both mean that the channel is gone, and the delivery with it.
        match timeout(self.timeout, self.acker.ack(BasicAckOptions::default())).await {
            Ok(Ok(true)) => SettleResult::Settled,
            Ok(Ok(false) | Err(_)) | Err(_) => SettleResult::Lost,
        }
    }

    pub(crate) async fn park(self, payload: Bytes, why: ParkReason) -> SettleResult {
        match self.park_part(payload, why).await {
            SettleResult::Settled => self.ack().await,
            SettleResult::Lost => SettleResult::Lost,
        }
    }

    pub(crate) async fn park_part(&self, payload: Bytes, why: ParkReason) -> SettleResult {
        let (answer, answered) = oneshot::channel();
        let sent = self.sender.park(ParkRequest { payload, why, answer });
        if sent.is_ok() && matches!(timeout(self.timeout, answered).await, Ok(Ok(Ok(())))) {
            return SettleResult::Settled;
        }
        sleep(PARK_RETRY).await;
        SettleResult::Lost
    }
}

impl Drop for AmqpAckHandle {
    fn drop(&mut self) {
        if self.is_valid() {
            // One poll hands the nack to lapin's thread; there is no need to wait until it is written.
            let options = BasicNackOptions { requeue: true, ..Default::default() };
            self.acker.nack(options).now_or_never();
        }
    }
}
