//! Some gateways on one Redis, as they run in production.

use std::time::{Duration, Instant};

use leadgate_domain::{OrganizationId, Rate};
use leadgate_limiter::{Counter, LimitRequest, Limiter, LimiterConfig, LimiterStatus};
use tokio::task::JoinSet;

/// Four times the default, because a test machine that does other things at the same time may stall for a moment,
/// and what is exact in Redis would then not be exact.
const TIMEOUT: Duration = Duration::from_millis(100);

/// Two calls are promised; the rest is for the stalls. A delay of 200 ms each way is longer than this.
const PATIENCE: Duration = Duration::from_millis(350);

pub(crate) struct Gateways {
    pub(crate) limiters: Vec<Limiter>,
    pub(crate) organization: OrganizationId,
}

/// What became of many requests.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) allowed: u32,
    pub(crate) slowest: Duration,
}

impl Gateways {
    pub(crate) async fn open(url: &str, number: u32) -> Self {
        Self::open_with(url, number, TIMEOUT).await
    }

    pub(crate) async fn open_with(url: &str, number: u32, timeout: Duration) -> Self {
        let mut limiters = Vec::new();
        for _ in 0..number {
            let config =
                LimiterConfig { url: url.to_owned(), gateways: number, timeout, ..LimiterConfig::default() };
            limiters.push(Limiter::open(config).await.unwrap());
        }
        Self { limiters, organization: OrganizationId::generate() }
    }

    pub(crate) fn request(&self, scope: &str, permits: u32) -> LimitRequest {
        let hour = Duration::from_secs(3_600);
        LimitRequest::of(self.organization, Counter::new(scope, Rate { permits, window: hour }))
    }

    /// Asks each gateway so many times, all gateways at once and each request after the other.
    pub(crate) async fn ask(&self, times: u32, request: &LimitRequest) -> Tally {
        let mut asking = JoinSet::new();
        for limiter in self.limiters.clone() {
            let request = request.clone();
            asking.spawn(async move {
                let mut tally = Tally { allowed: 0, slowest: Duration::ZERO };
                for _ in 0..times {
                    let asked = Instant::now();
                    tally.allowed += u32::from(limiter.acquire(request.clone()).await.allowed());
                    tally.slowest = tally.slowest.max(asked.elapsed());
                }
                tally
            });
        }
        asking.join_all().await.into_iter().fold(Tally { allowed: 0, slowest: Duration::ZERO }, |a, b| {
            Tally { allowed: a.allowed + b.allowed, slowest: a.slowest.max(b.slowest) }
        })
    }

    /// As `ask`, in the midst of trouble: nobody waits for Redis.
    pub(crate) async fn ask_in_trouble(&self, times: u32, request: &LimitRequest) -> u32 {
        let tally = self.ask(times, request).await;
        assert!(tally.slowest < PATIENCE, "{tally:?}");
        tally.allowed
    }

    pub(crate) fn all(&self, holds: impl Fn(&LimiterStatus) -> bool) -> bool {
        self.limiters.iter().all(|limiter| holds(&limiter.status()))
    }

    pub(crate) fn degraded(&self) -> bool {
        self.all(|status| matches!(status, LimiterStatus::Degraded(_)))
    }

    /// Waits until all of them count in Redis.
    pub(crate) async fn recovered(&self) {
        let ready = async {
            let mut look = tokio::time::interval(Duration::from_millis(10));
            while !self.all(|status| *status == LimiterStatus::Ready) {
                look.tick().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), ready).await.expect("back in Redis within 20 s");
    }
}
