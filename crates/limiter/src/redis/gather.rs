//! While one call is under way the next requests gather. The more there are, the cheaper each one is.

use std::time::Duration;

use ::redis::Client;
use ::redis::aio::MultiplexedConnection;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::call::{self, Ask};
use super::link::{Link, LinkError};
use crate::Status;

/// More would make everyone in a call, and everyone else at this Redis, wait longer than it saves.
const GATHERED: usize = 128;

/// The one task that speaks with Redis.
pub(super) struct Gatherer {
    link: Link,
    waiting: mpsc::Receiver<Ask>,
    status: watch::Sender<Status>,
}

impl Gatherer {
    pub(super) fn new(
        client: Client,
        timeout: Duration,
        waiting: mpsc::Receiver<Ask>,
    ) -> (Self, watch::Receiver<Status>) {
        let (status, watched) = watch::channel(Status::Degraded("redis was not reached yet".to_owned()));
        (Self { link: Link::new(client, timeout), waiting, status }, watched)
    }

    /// Works until no limiter is left.
    pub(super) async fn run(mut self) {
        metrics::gauge!("leadgate_limiter_fallback_active").set(1);
        while let Some(connection) = self.reconnect().await {
            self.degraded(false, Status::Ready);
            tracing::info!("limiter counts in redis");
            let Err(error) = self.serve(connection).await else { return };
            tracing::warn!(%error, "limiter counts alone until redis answers again");
            self.degraded(true, Status::Degraded(error.to_string()));
        }
    }

    fn degraded(&self, active: bool, status: Status) {
        metrics::gauge!("leadgate_limiter_fallback_active").set(u8::from(active));
        self.status.send_replace(status);
    }

    /// Meanwhile what still waits is let go unanswered. None: no limiter is left.
    async fn reconnect(&mut self) -> Option<MultiplexedConnection> {
        let status = &self.status;
        let note = |error: LinkError| {
            tracing::debug!(%error, "redis cannot be asked yet");
            status.send_replace(Status::Degraded(error.to_string()));
        };
        let mut establishing = std::pin::pin!(self.link.establish(note));
        let mut unanswered = Vec::with_capacity(GATHERED);
        loop {
            tokio::select! {
                connection = &mut establishing => return Some(connection),
                got = self.waiting.recv_many(&mut unanswered, GATHERED) => if got == 0 { return None },
            }
            unanswered.clear();
        }
    }

    /// Returns when no limiter is left, or with the reason why Redis cannot be asked any more.
    async fn serve(&mut self, mut connection: MultiplexedConnection) -> Result<(), LinkError> {
        let mut asks: Vec<Ask> = Vec::with_capacity(GATHERED);
        while self.waiting.recv_many(&mut asks, GATHERED).await > 0 {
            // A slow Redis makes them wait before their call too: not longer than for the call itself.
            asks.retain(|ask| ask.since.elapsed() < self.link.timeout);
            if asks.is_empty() {
                continue;
            }
            let started = Instant::now();
            let answers = self.link.in_time(call::judge(&mut connection, &asks)).await;
            count_call(asks.len(), started.elapsed(), answers.is_ok());
            call::answer(asks.drain(..), answers?);
            self.link.proved();
        }
        Ok(())
    }
}

fn count_call(requests: usize, took: Duration, ok: bool) {
    let result = if ok { "ok" } else { "failed" };
    metrics::counter!("leadgate_limiter_calls_total", "result" => result).increment(1);
    metrics::histogram!("leadgate_limiter_call_requests").record(u32::try_from(requests).unwrap_or(u32::MAX));
    metrics::histogram!("leadgate_limiter_call_seconds").record(took);
}
