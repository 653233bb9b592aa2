//! The result of a load.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use hdrhistogram::Histogram;
use uuid::Uuid;

use crate::figures::float;

/// The longest latency that is told apart, one minute in microseconds.
const MAX_MICROSECONDS: u64 = 60_000_000;

/// The responses to a load.
#[derive(Debug)]
pub(crate) struct LoadReport {
    /// The responses with 202.
    pub(crate) accepted: u64,
    /// The ids in them. Baselines answer without an id.
    pub(crate) acked: Vec<Uuid>,
    /// The other responses, by status.
    pub(crate) refused: BTreeMap<u16, u64>,
    /// The requests whose connection broke or timed out.
    pub(crate) unanswered: u64,
    /// From the first request to the last response.
    pub(crate) elapsed: Duration,
    latency: Histogram<u64>,
    visible: Histogram<u64>,
}

impl LoadReport {
    pub(super) fn new() -> anyhow::Result<Self> {
        let histogram =
            || Histogram::new_with_bounds(1, MAX_MICROSECONDS, 3).context("bounds of a histogram");
        Ok(Self {
            accepted: 0,
            acked: Vec::new(),
            refused: BTreeMap::new(),
            unanswered: 0,
            elapsed: Duration::ZERO,
            latency: histogram()?,
            visible: histogram()?,
        })
    }

    pub(super) fn add_response(&mut self, status: u16, submission: Option<Uuid>, took: Duration) {
        if status == 202 {
            self.accepted += 1;
            self.latency.saturating_record(microseconds(took));
            self.acked.extend(submission);
        } else {
            *self.refused.entry(status).or_default() += 1;
        }
    }

    pub(super) fn add_visible(&mut self, took: Duration) {
        self.visible.saturating_record(microseconds(took));
    }

    /// Accepted requests per second.
    pub(crate) fn rate(&self) -> f64 {
        float(self.accepted) / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }

    /// The latency of accepted requests at a quantile (0.99), in milliseconds.
    pub(crate) fn latency_ms(&self, quantile: f64) -> f64 {
        float(self.latency.value_at_quantile(quantile)) / 1_000.0
    }

    /// From the time when a post was due until its lead could be read, in milliseconds.
    pub(crate) fn visible_ms(&self, quantile: f64) -> f64 {
        float(self.visible.value_at_quantile(quantile)) / 1_000.0
    }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(MAX_MICROSECONDS).max(1)
}
