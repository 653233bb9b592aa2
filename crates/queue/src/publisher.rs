//! The publishing side: bounded in memory, bounded in time.

use std::time::{Duration, Instant};

use bytes::Bytes;
use leadgate_domain::OrganizationId;
use metrics::{counter, histogram};
use tokio::time::timeout;

use crate::group::{Admission, Waiting};
use crate::status::Gate;
use crate::{Cause, QueueConfig, Refused, amqp, embedded};

/// Publishes submissions. Cheap to clone; all clones share their groups.
#[derive(Debug, Clone)]
pub struct Publisher {
    line: Line,
    gate: Gate,
    admission: Admission,
    confirm_timeout: Duration,
}

#[derive(Debug, Clone)]
pub(crate) enum Line {
    Amqp(amqp::LineHandle),
    Embedded(embedded::WriterHandle),
}

impl Publisher {
    pub(crate) fn new(line: Line, gate: Gate, config: &QueueConfig) -> Self {
        Self { line, gate, admission: Admission::new(config), confirm_timeout: config.confirm_timeout }
    }

    /// Publishes one submission (its JSON) of `organization`, and returns once it is durable.
    ///
    /// # Errors
    /// Within [`QueueConfig::confirm_timeout`], whatever the queue does. A refused submission may still
    /// arrive: its confirm may be what got lost.
    pub async fn publish(&self, organization: OrganizationId, submission: Bytes) -> Result<(), Refused> {
        let started = Instant::now();
        let outcome = self.attempt(organization, submission).await;
        match &outcome {
            Ok(()) => histogram!("leadgate_queue_publish_seconds").record(started.elapsed()),
            Err(refused) => counter!("leadgate_queue_refused_total", "reason" => refused.code()).increment(1),
        }
        outcome
    }

    async fn attempt(&self, organization: OrganizationId, submission: Bytes) -> Result<(), Refused> {
        self.gate.check()?;
        let room = self.admission.admit(submission.len())?;
        let (waiting, answered) = Waiting::new(organization, submission, room);
        let taken = match &self.line {
            Line::Amqp(line) => line.publish(waiting),
            Line::Embedded(writer) => writer.publish(waiting),
        };
        taken.map_err(|Stopped| Refused::Unavailable(Cause::Closed))?;
        match timeout(self.confirm_timeout, answered).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Refused::Unavailable(Cause::Closed)),
            Err(_) => Err(Refused::TimedOut),
        }
    }
}

/// The task or thread behind a handle has ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopped;
