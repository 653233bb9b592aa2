//! The publishing side: one task with one channel. Several messages can wait for confirms at the same time.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use lapin::Channel;
use lapin::options::ConfirmSelectOptions;
use lapin::types::FieldTable;
use tokio_util::sync::CancellationToken;

use super::connection::{BrokerConnection, OpenChannel, OpenConnection, call};
use super::pending_confirms::{OutgoingMessage, PendingConfirms, Waiters};
use super::publish_queue::{AmqpPublishSender, NextMessage, ParkRequest, PublishQueue};
use super::queue_names::{self, QueueNames};
use super::supervise::{ChannelTask, Interruption};
use super::{message, topology};
use crate::config::QueueConfig;
use crate::error::{QueueError, QueueFailure};
use crate::shard_count::ShardCount;
use crate::status::Readiness;
use crate::submission_group::{GroupLimits, SubmissionGroup};

pub(crate) struct PublishLoop {
    connection: BrokerConnection,
    shards: ShardCount,
    /// The message version that this build reads.
    version: u64,
    max_in_flight: usize,
    confirm_timeout: Duration,
    queue: PublishQueue,
    readiness: Readiness,
    closing: CancellationToken,
}

impl PublishLoop {
    pub(crate) fn new(
        connection: BrokerConnection,
        config: &QueueConfig,
        shards: ShardCount,
        readiness: Readiness,
        closing: CancellationToken,
    ) -> (AmqpPublishSender, Self) {
        let (sender, queue) = PublishQueue::new(shards.clone(), GroupLimits::new(config));
        let publish_loop = Self {
            connection,
            shards,
            version: config.message_version,
            max_in_flight: config.max_groups_in_flight.max(1),
            confirm_timeout: config.confirm_timeout,
            queue,
            readiness,
            closing,
        };
        (sender, publish_loop)
    }

    /// Publishes until the channel is unusable, or the queue closes and no message is left.
    async fn publish_all(
        &mut self,
        confirms: &mut PendingConfirms,
        connection: &OpenConnection,
    ) -> Result<(), Interruption> {
        let mut interruption = pin!(connection.lost_or_blocked());
        let mut open = true;
        loop {
            self.publish_ready(confirms, connection)?;
            if !open && confirms.len() == 0 {
                return Ok(());
            }
            // While every shard has a group in flight, submissions gather in the channel and wake nothing.
            let every_shard_in_flight = (0..self.shards.count()).all(|shard| confirms.has_group_of(shard));
            let may_receive = confirms.len() < self.max_in_flight && !every_shard_in_flight;
            tokio::select! {
                biased;
                interruption = &mut interruption => return Err(interruption),
                settled = confirms.next_settled(), if confirms.len() > 0 => {
                    settled?;
                    self.queue.receive_waiting();
                }
                received = self.queue.receive(), if may_receive && open => open = received,
                () = self.closing.cancelled(), if open && confirms.len() == 0 && self.queue.is_empty() => open = false,
            }
        }
    }

    /// Publishes all messages that do not have to wait for a confirm.
    fn publish_ready(
        &mut self,
        confirms: &mut PendingConfirms,
        connection: &OpenConnection,
    ) -> Result<(), Interruption> {
        // In an alarm, calls of lapin would wait forever.
        if connection.is_blocked() {
            return Err(Interruption::alarm());
        }
        while confirms.len() < self.max_in_flight {
            let Some(next) = self.queue.next(|shard| confirms.has_group_of(shard)) else { break };
            publish(next, confirms, self.version);
        }
        Ok(())
    }
}

impl ChannelTask for PublishLoop {
    const LINK: &'static str = "publisher";
    type Open = (Arc<OpenConnection>, OpenChannel);

    fn open(&self) -> BoxFuture<'static, Result<Self::Open, QueueError>> {
        let connection = self.connection.clone();
        let queues = QueueNames { shards: self.shards.count(), version: self.version };
        async move {
            let connection = connection.get().await?;
            connection.unblocked().await?;
            connection.verify_once(topology::verify(&connection, queues)).await?;
            let channel = connection.channel().await?;
            call(channel.confirm_select(ConfirmSelectOptions::default())).await?;
            Ok((connection, channel))
        }
        .boxed()
    }

    async fn without_channel(&mut self) {
        let readiness = &self.readiness;
        // There is no cause yet while the queue is still marked as ready.
        let cause = || readiness.cause().unwrap_or(QueueFailure::Disconnected);
        tokio::select! {
            () = self.queue.refuse_all(cause) => {}
            () = self.closing.cancelled() => {}
        }
    }

    async fn serve(&mut self, (connection, channel): Self::Open) -> Result<(), Interruption> {
        let mut confirms = PendingConfirms::new(Channel::clone(&channel), self.confirm_timeout);
        if self.readiness.set_ready() {
            tracing::info!(queue.link = Self::LINK, "connected for publishing");
        }
        let result = self.publish_all(&mut confirms, &connection).await;
        let cause = result.as_ref().map_or_else(|interruption| interruption.cause, |()| QueueFailure::Closed);
        // Before the refusals, so that a refused caller that publishes again is refused at once.
        self.readiness.set_not_ready(cause, &cause.to_string());
        if result.is_err() {
            confirms.refuse(cause);
            self.queue.refuse(cause);
        }
        // A blocked connection does not answer until the alarm ends.
        if cause != QueueFailure::Alarm {
            connection.discard_verification();
            connection.close_channel_or_disconnect(&channel).await;
        }
        result
    }

    fn interrupted(&mut self, Interruption { cause, reason }: &Interruption) {
        if self.readiness.set_not_ready(*cause, reason) {
            tracing::warn!(queue.link = Self::LINK, queue.reason = reason, "publishing is interrupted");
        }
    }
}

fn publish(next: NextMessage, confirms: &mut PendingConfirms, version: u64) {
    match next {
        NextMessage::Group(shard, mut group) => {
            if group.remove_abandoned() {
                group.record_size();
                confirms.publish(to_shard(shard, &group), Waiters::Group(shard, group));
            }
        }
        NextMessage::Park(ParkRequest { payload, reason, answer }) => {
            let properties = message::parked_properties(reason);
            let message = OutgoingMessage {
                exchange: "",
                key: queue_names::parked_queue_for(reason, version),
                body: payload,
                properties,
            };
            confirms.publish(message, Waiters::Park(answer));
        }
    }
}

fn to_shard(shard: u16, group: &SubmissionGroup) -> OutgoingMessage {
    OutgoingMessage {
        exchange: queue_names::LEAD_EXCHANGE,
        key: queue_names::shard_queue(shard),
        body: group.message().into(),
        properties: message::properties(FieldTable::default()),
    }
}
