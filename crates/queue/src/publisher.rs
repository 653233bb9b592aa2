//! The publishing side of a queue, with limits on memory and time.

use std::time::{Duration, Instant};

use bytes::Bytes;
use leadgate_domain::OrganizationId;
use metrics::{Histogram, counter, histogram};
use tokio::time::timeout;

use crate::config::QueueConfig;
use crate::error::{PublishError, QueueFailure};
use crate::status::Readiness;
use crate::submission_group::{MemoryLimit, PendingSubmission};
use crate::{amqp, embedded};

/// Publishes submissions. Cheap to clone; all clones share their groups.
#[derive(Debug, Clone)]
pub struct Publisher {
    sender: PublishSender,
    readiness: Readiness,
    memory: MemoryLimit,
    confirm_timeout: Duration,
    publish_seconds: Histogram,
}

#[derive(Debug, Clone)]
pub(crate) enum PublishSender {
    Amqp(amqp::AmqpPublishSender),
    Embedded(embedded::WriterHandle),
}

impl Publisher {
    pub(crate) fn new(sender: PublishSender, readiness: Readiness, config: &QueueConfig) -> Self {
        Self {
            sender,
            readiness,
            memory: MemoryLimit::new(config),
            confirm_timeout: config.confirm_timeout,
            publish_seconds: histogram!("leadgate_queue_publish_seconds"),
        }
    }

    /// Publishes one submission (JSON) of `organization`. Returns when it is durable.
    ///
    /// # Errors
    /// When the queue refuses it or does not confirm it within [`QueueConfig::confirm_timeout`]. A refused
    /// submission may still be delivered, if only its confirm was lost.
    pub async fn publish(&self, organization: OrganizationId, submission: Bytes) -> Result<(), PublishError> {
        let started = Instant::now();
        let outcome = self.attempt(organization, submission).await;
        match &outcome {
            Ok(()) => self.publish_seconds.record(started.elapsed()),
            Err(error) => counter!("leadgate_queue_refused_total", "reason" => error.code()).increment(1),
        }
        outcome
    }

    async fn attempt(&self, organization: OrganizationId, submission: Bytes) -> Result<(), PublishError> {
        self.readiness.check()?;
        let reservation = self.memory.reserve(submission.len())?;
        let (pending, receiver) = PendingSubmission::new(organization, submission, reservation);
        let sent = match &self.sender {
            PublishSender::Amqp(sender) => sender.publish(pending),
            PublishSender::Embedded(writer) => writer.publish(pending),
        };
        sent.map_err(|_| PublishError::Unavailable(QueueFailure::Closed))?;
        match timeout(self.confirm_timeout, receiver).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(PublishError::Unavailable(QueueFailure::Closed)),
            Err(_) => Err(PublishError::TimedOut),
        }
    }
}
