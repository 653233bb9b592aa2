//! State that requests share.

use std::ops::Deref;
use std::sync::Arc;

use leadgate_domain::Dialect;
use leadgate_domain::export_signature::ExportSigningKey;
use leadgate_domain::id::SubmissionIdGenerator;
use leadgate_domain::secret::SourceSigningKey;
use leadgate_limiter::{self as limiter, IdempotencyMarkers, Limiter};
use leadgate_queue::{self as queue, Publisher, Queue, ReplyReceiver};
use leadgate_store::{ClockSkew, Store};
use metrics::{Counter, counter};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::GatewayConfig;
use crate::audit::AuditSender;
use crate::bulk_memory::BulkMemory;
use crate::key_cache::{Freshness, KeyCache};
use crate::organization_permits::OrganizationPermits;
use crate::readiness::ReadinessReason;
use crate::refusal::Refusal;
use crate::refusal_log::RefusalLog;

/// Renders the process's metrics as text.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// What the requests of one thread share.
pub(crate) struct GatewayState {
    process: Arc<ProcessState>,
    /// Has the same counts in all threads. Calls of the requests of a thread gather among themselves.
    pub(crate) limiter: Limiter,
}

/// What the requests of all threads share.
pub(crate) struct ProcessState {
    pub(crate) config: GatewayConfig,
    pub(crate) keys: KeyCache,
    pub(crate) store: Store,
    pub(crate) queue: Queue,
    pub(crate) publisher: Publisher,
    pub(crate) replies: ReplyReceiver,
    pub(crate) markers: IdempotencyMarkers,
    pub(crate) source_signing_key: SourceSigningKey,
    pub(crate) export_signing_key: ExportSigningKey,
    pub(crate) submission_ids: SubmissionIdGenerator,
    /// Limits how many requests count leads at the same time, for a numbered page or a report.
    pub(crate) counting_permits: Semaphore,
    pub(crate) bulk_memory: Arc<BulkMemory>,
    pub(crate) long_report_permits: OrganizationPermits,
    pub(crate) long_operation_permits: OrganizationPermits,
    pub(crate) export_permits: OrganizationPermits,
    /// Limits how many re-screenings of stored leads run at the same time.
    pub(crate) rescreening_permits: Semaphore,
    pub(crate) render_metrics: RenderMetrics,
    pub(crate) stop: CancellationToken,
    pub(crate) audit: AuditSender,
    pub(crate) refusals: RefusalLog,
    pub(crate) accepted: AcceptedCounters,
}

/// Counts accepted leads by dialect.
pub(crate) struct AcceptedCounters(Vec<(Dialect, Counter)>);

impl AcceptedCounters {
    pub(crate) fn new() -> Self {
        let counter =
            |dialect: Dialect| counter!("leadgate_gateway_accepted_total", "dialect" => dialect.as_str());
        Self(Dialect::ALL.iter().map(|dialect| (*dialect, counter(*dialect))).collect())
    }

    pub(crate) fn count(&self, dialect: Dialect) {
        if let Some((_, counter)) = self.0.iter().find(|(counted, _)| *counted == dialect) {
            counter.increment(1);
        }
    }
}

impl Deref for GatewayState {
    type Target = ProcessState;

    fn deref(&self) -> &Self::Target {
        &self.process
    }
}

impl GatewayState {
    pub(crate) fn new(process: &Arc<ProcessState>, limiter: Limiter) -> Self {
        Self { process: Arc::clone(process), limiter }
    }

    /// The degraded parts if the gateway is ready.
    ///
    /// # Errors
    /// [`Refusal::NotReady`] with the reasons.
    pub(crate) fn readiness(&self) -> Result<Vec<ReadinessReason>, Refusal> {
        let mut reasons = Vec::new();
        let mut degraded = Vec::new();
        if self.stop.is_cancelled() {
            reasons.push(ReadinessReason::new("gateway", "shutting down"));
        }
        if let queue::QueueStatus::NotReady { reason } = self.queue.status() {
            reasons.push(ReadinessReason::new("queue", &reason));
        }
        if let Some(depth) = self.queue.last_depth()
            && !depth.unconsumed.is_empty()
        {
            let reason = format!("no worker is consuming {}", depth.unconsumed.join(", "));
            degraded.push(ReadinessReason::new("queue", &reason));
        }
        match self.keys.freshness() {
            Freshness::Fresh => {}
            Freshness::Aging => {
                degraded.push(ReadinessReason::new("store", "not reachable; cached keys are still used"))
            }
            Freshness::Stale => reasons.push(ReadinessReason::new("keys", "the cached keys are too old")),
            Freshness::Missing => reasons.push(ReadinessReason::new("keys", "not loaded yet")),
        }
        match self.keys.directory.clock_skew() {
            ClockSkew::Small => {}
            ClockSkew::Large => degraded.push(ReadinessReason::new("clock", ClockSkew::REASON)),
            ClockSkew::TooLarge => reasons.push(ReadinessReason::new("clock", ClockSkew::REASON)),
        }
        if let limiter::LimiterStatus::Degraded(reason) = self.limiter.status() {
            degraded.push(ReadinessReason::new("limiter", &reason));
        }
        if reasons.is_empty() { Ok(degraded) } else { Err(Refusal::NotReady(reasons)) }
    }
}
