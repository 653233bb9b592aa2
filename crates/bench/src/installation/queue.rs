//! Takes submissions out of the queue between rounds, so that it does not grow, and counts them.

use std::time::Duration;

use anyhow::Context as _;
use futures_util::StreamExt as _;
use lapin::options::{BasicConsumeOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};
use serde::Deserialize;
use tokio::time::timeout;
use uuid::Uuid;

use super::{BenchInstallation, Site};
use crate::load::{Load, LoadReport};

const DELIVERY_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
struct QueueMessage {
    submissions: Vec<QueuedSubmission>,
}

#[derive(Deserialize)]
struct QueuedSubmission {
    id: Uuid,
}

impl BenchInstallation {
    /// Runs a load while no worker runs, and takes its leads out of the queue afterwards.
    pub(crate) async fn post_and_dequeue(&mut self, load: Load) -> anyhow::Result<LoadReport> {
        let report = self.post(load).await?;
        self.empty_queue().await?;
        Ok(report)
    }

    /// Consumes all messages and records the ids in them as dequeued. Workers must not run.
    pub(crate) async fn empty_queue(&mut self) -> anyhow::Result<()> {
        let Site::Distributed { vhost, .. } = &self.site else { return Ok(()) };
        let queues = vhost.queues().await?.into_iter().map(|(name, _)| name);
        let connection = Connection::connect(&vhost.amqp_url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        for queue in queues.filter(|name| name.starts_with("leads.") || name == "unrouted") {
            for message in take_all(&channel, &queue).await? {
                let message: QueueMessage = serde_json::from_slice(&message).context("an unknown message")?;
                self.ledger.dequeued.extend(message.submissions.iter().map(|submission| submission.id));
            }
        }
        connection.close(200, "".into()).await?;
        Ok(())
    }
}

/// The broker knows how many messages a queue has when nothing is published or consumed.
async fn take_all(channel: &Channel, queue: &str) -> anyhow::Result<Vec<Vec<u8>>> {
    let passive = QueueDeclareOptions { passive: true, ..Default::default() };
    let declared = channel.queue_declare(queue.into(), passive, FieldTable::default()).await?;
    let count = usize::try_from(declared.message_count())?;
    let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
    let consumer = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await?;
    let tag = consumer.tag();
    let mut deliveries = consumer.take(count);
    let mut messages = Vec::with_capacity(count);
    while let Some(delivery) =
        timeout(DELIVERY_TIMEOUT, deliveries.next()).await.context("the queue is stuck")?
    {
        messages.push(delivery?.data);
    }
    channel.basic_cancel(tag, Default::default()).await?;
    Ok(messages)
}
