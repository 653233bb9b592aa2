//! Counts for all gateways together, in Redis; and without Redis, this gateway's part alone.

mod call;
pub(crate) mod gather;
mod link;
pub(crate) mod question;
pub(crate) mod script;

use std::sync::Arc;
use std::time::Duration;

use self::call::{Answer, Ask};
use self::gather::Line;
use crate::decision::Standing;
use crate::memory::{Memory, Share};
use crate::{Decision, LimiterConfig, LimiterError, Request, Status};

/// Windows in Redis, and a memory of what this gateway took from them.
#[derive(Clone)]
pub struct Redis {
    line: Line<Ask>,
    local: Memory,
    share: Share,
    prefix: Arc<str>,
}

impl Redis {
    pub(crate) async fn open(config: &LimiterConfig) -> Result<Self, LimiterError> {
        Ok(Self {
            line: Line::open(config).await?,
            local: Memory::new(config.windows_per_owner),
            share: Share::one_of(config.gateways),
            prefix: config.prefix.as_str().into(),
        })
    }

    pub(crate) async fn acquire(&self, request: &Request) -> Decision {
        match self.line.ask(Ask::new(request, &self.prefix)).await {
            Some(answer) => self.decide(request, &answer),
            None => {
                metrics::counter!("leadgate_limiter_fallbacks_total").increment(1);
                self.local.acquire_share(request, self.share)
            }
        }
    }

    pub(crate) fn status(&self) -> Status {
        self.line.status()
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
