//! Counts for all gateways together, in Redis; and without Redis, this gateway's part alone.

mod call;
mod gather;
mod link;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::redis::Client;
use tokio::sync::{mpsc, oneshot, watch};

use self::call::{Answer, Ask};
use self::gather::Gatherer;
use crate::decision::Standing;
use crate::memory::{Memory, Share};
use crate::{Decision, LimiterConfig, LimiterError, Request, Status};

/// Requests that may wait for the next call; what comes on top is judged by this process alone.
const WAITING: usize = 4_096;

/// How long an opening limiter waits for Redis before it starts degraded.
const OPENING: Duration = Duration::from_millis(500);

/// Windows in Redis, and a memory of what this gateway took from them.
#[derive(Clone)]
pub struct Redis {
    asks: mpsc::Sender<Ask>,
    status: watch::Receiver<Status>,
    local: Memory,
    share: Share,
    prefix: Arc<str>,
}

impl Redis {
    pub(crate) async fn open(config: &LimiterConfig) -> Result<Self, LimiterError> {
        let client = Client::open(config.url.as_str())
            .map_err(|error| LimiterError::Address(error.category().to_owned()))?;
        let (asks, waiting) = mpsc::channel(WAITING);
        let (gatherer, mut status) = Gatherer::new(client, config.timeout, waiting);
        tokio::spawn(gatherer.run());
        _ = tokio::time::timeout(OPENING, status.wait_for(|status| *status == Status::Ready)).await;
        Ok(Self {
            asks,
            status,
            local: Memory::new(config.windows_per_owner),
            share: Share::one_of(config.gateways),
            prefix: config.prefix.as_str().into(),
        })
    }

    pub(crate) async fn acquire(&self, request: &Request) -> Decision {
        match self.ask(request).await {
            Some(answer) => self.decide(request, &answer),
            None => {
                metrics::counter!("leadgate_limiter_fallbacks_total").increment(1);
                self.local.acquire_share(request, self.share)
            }
        }
    }

    pub(crate) fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    async fn ask(&self, request: &Request) -> Option<Answer> {
        if *self.status.borrow() != Status::Ready {
            return None;
        }
        let (reply, answer) = oneshot::channel();
        self.asks.try_send(Ask::new(request, &self.prefix, Instant::now(), reply)).ok()?;
        answer.await.ok()
    }

    fn decide(&self, request: &Request, answer: &Answer) -> Decision {
        if answer.admitted && request.permits() > 0 {
            let mut ends = answer.windows.iter();
            self.local.note(request, || ends.next().map_or(Duration::ZERO, |window| window.ends_in));
        }
        let mut windows = answer.windows.iter().copied();
        Decision::of(request, answer.admitted, |counter| {
            let window = windows.next().unwrap_or_default();
            let remaining = counter.rate.permits.saturating_sub(window.used);
            Standing { room: request.permits() <= remaining, remaining, reset: window.ends_in }
        })
    }
}
