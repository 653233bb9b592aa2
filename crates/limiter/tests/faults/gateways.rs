//! Several gateways that share one Redis, as in production.

use std::time::{Duration, Instant};

use leadgate_domain::{OrganizationId, Rate};
use leadgate_limiter::{Counter, LimitRequest, Limiter, LimiterConfig, LimiterStatus};
use tokio::task::JoinSet;

/// Four times the default. A busy test machine can stall, and a call that times out makes the counts inexact.
const TIMEOUT: Duration = Duration::from_millis(100);

/// Two calls, and time for stalls of the machine. A delay of 200 ms in each direction is longer than this.
const MAX_WAIT: Duration = Duration::from_millis(350);

pub(crate) struct Gateways {
    pub(crate) limiters: Vec<Limiter>,
    pub(crate) organization: OrganizationId,
}

/// The results of many requests.
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
        LimitRequest::new(self.organization, Counter::new(scope, Rate { permits, window: hour }))
    }

    /// Sends `times` requests to each gateway: the gateways concurrently, the requests of a gateway one by
    /// one.
    pub(crate) async fn acquire(&self, times: u32, request: &LimitRequest) -> Tally {
        let mut tasks = JoinSet::new();
        for limiter in self.limiters.clone() {
            let request = request.clone();
            tasks.spawn(async move {
                let mut tally = Tally { allowed: 0, slowest: Duration::ZERO };
                for _ in 0..times {
                    let started = Instant::now();
                    tally.allowed += u32::from(limiter.acquire(request.clone()).await.allowed());
                    tally.slowest = tally.slowest.max(started.elapsed());
                }
                tally
            });
        }
        tasks.join_all().await.into_iter().fold(Tally { allowed: 0, slowest: Duration::ZERO }, |a, b| Tally {
            allowed: a.allowed + b.allowed,
            slowest: a.slowest.max(b.slowest),
        })
    }

    /// Like `acquire`, while Redis is faulty: checks that every request is decided in time.
    pub(crate) async fn acquire_during_fault(&self, times: u32, request: &LimitRequest) -> u32 {
        let tally = self.acquire(times, request).await;
        assert!(tally.slowest < MAX_WAIT, "{tally:?}");
        tally.allowed
    }

    pub(crate) fn all(&self, matches: impl Fn(&LimiterStatus) -> bool) -> bool {
        self.limiters.iter().all(|limiter| matches(&limiter.status()))
    }

    pub(crate) fn degraded(&self) -> bool {
        self.all(|status| matches!(status, LimiterStatus::Degraded(_)))
    }

    /// Waits until all gateways count in Redis.
    pub(crate) async fn recovered(&self) {
        let ready = async {
            let mut interval = tokio::time::interval(Duration::from_millis(10));
            while !self.all(|status| *status == LimiterStatus::Ready) {
                interval.tick().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), ready)
            .await
            .expect("all limiters are ready within 20 s");
    }
}
