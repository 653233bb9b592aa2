//! A receiver of webhooks that only counts, and measures how old each event is.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use hdrhistogram::Histogram;
use jiff::Timestamp;
use leadgate_testkit::receiver::{Answer, ReceivedRequest, WebhookServer};
use tokio::sync::watch;

use crate::figures::float;

/// Events that are still missing when none arrived for this time are lost.
const STALLED: Duration = Duration::from_secs(60);

/// In microseconds. Longer latencies count as this one.
const MAX_LATENCY: u64 = 60_000_000;

struct State {
    count: watch::Sender<usize>,
    /// In microseconds.
    latencies: Mutex<Histogram<u64>>,
}

impl State {
    fn count(&self, request: &ReceivedRequest) {
        if let Some(age) = age(&request.body) {
            let mut latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
            latencies.saturating_record(u64::try_from(age.as_micros()).unwrap_or(u64::MAX));
        }
        self.count.send_modify(|count| *count += 1);
    }
}

pub(crate) struct CountingReceiver {
    server: WebhookServer,
    state: Arc<State>,
}

impl CountingReceiver {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let (count, _) = watch::channel(0);
        let state =
            Arc::new(State { count, latencies: Mutex::new(Histogram::new_with_bounds(1, MAX_LATENCY, 3)?) });
        let shared = Arc::clone(&state);
        let server = WebhookServer::start(move |request| {
            shared.count(&request);
            Answer::status(204)
        });
        Ok(Self { server: server.await?, state })
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// Waits until there were this many requests.
    ///
    /// # Errors
    /// When none arrives for a minute.
    pub(crate) async fn await_requests(&self, count: usize) -> anyhow::Result<()> {
        let mut counts = self.state.count.subscribe();
        while *counts.borrow_and_update() < count {
            let arrived = *self.state.count.borrow();
            let next = tokio::time::timeout(STALLED, counts.changed()).await;
            next.with_context(|| format!("{arrived} of {count} events arrived"))??;
        }
        Ok(())
    }

    pub(crate) fn reset_latencies(&self) {
        self.state.latencies.lock().unwrap_or_else(PoisonError::into_inner).reset();
    }

    /// How old events were when they arrived.
    pub(crate) fn latency_ms(&self, quantile: f64) -> f64 {
        let latencies = self.state.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        float(latencies.value_at_quantile(quantile)) / 1_000.0
    }
}

/// The time since the event of this payload.
fn age(payload: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(payload).ok()?;
    let (_, rest) = text.split_once(r#""timestamp":""#)?;
    let at: Timestamp = rest.split('"').next()?.parse().ok()?;
    Timestamp::now().duration_since(at).try_into().ok()
}
