//! The adapter under test, with its own counts and a clock that the test advances.

use std::time::Duration;

use leadgate_domain::{OrganizationId, Rate};
use leadgate_limiter::{Counter, IdempotencyMarkers, LimitRequest, Limiter, LimiterConfig, LimiterStatus};
use leadgate_testkit::servers::{self, RedisServer};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub(crate) limiter: Limiter,
    pub(crate) organization: OrganizationId,
    redis: Option<(RedisServer, LimiterConfig)>,
}

impl World {
    pub(crate) async fn memory() -> Self {
        let limiter = Limiter::open(LimiterConfig::default()).await.unwrap();
        Self { limiter, organization: OrganizationId::generate(), redis: None }
    }

    pub(crate) async fn redis() -> Self {
        let server = servers::shared().redis().await.unwrap().clone();
        let (url, prefix) = server.url_with_prefix();
        // Long, because a test machine can be slow. `tests/faults` tests a slow Redis.
        let config =
            LimiterConfig { url, prefix, timeout: Duration::from_secs(10), ..LimiterConfig::default() };
        let limiter = Limiter::open(config.clone()).await.unwrap();
        assert_eq!(limiter.status(), LimiterStatus::Ready);
        Self { limiter, organization: OrganizationId::generate(), redis: Some((server, config)) }
    }

    /// Stops the clock of the memory adapter. [`World::pass`] advances it.
    pub(crate) fn stepped(self) -> Self {
        if self.redis.is_none() {
            tokio::time::pause();
        }
        self
    }

    /// The limiter of another gateway, over the same counts.
    pub(crate) async fn another_gateway(&self) -> Limiter {
        match &self.redis {
            None => self.limiter.clone(),
            Some((_, config)) => Limiter::open(config.clone()).await.unwrap(),
        }
    }

    /// Markers in the same adapter.
    pub(crate) async fn markers(&self, in_flight: Duration) -> IdempotencyMarkers {
        let config = self.redis.as_ref().map(|(_, config)| config.clone()).unwrap_or_default();
        IdempotencyMarkers::open(&config, in_flight).await.unwrap()
    }

    /// The markers of another gateway, over the same keys.
    pub(crate) async fn other_gateways(&self, markers: &IdempotencyMarkers) -> IdempotencyMarkers {
        if self.redis.is_none() { markers.clone() } else { self.markers(MINUTE).await }
    }

    /// The prefix of every key of this test.
    pub(crate) fn prefix(&self) -> &str {
        self.redis.as_ref().map_or("", |(_, config)| &config.prefix)
    }

    /// Advances the clock. In Redis, moves the ends of all windows of this test instead.
    pub(crate) async fn pass(&self, time: Duration) {
        let Some((server, config)) = &self.redis else { return tokio::time::advance(time).await };
        let script = "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do \
                      local left = redis.call('PTTL', key) - ARGV[2] \
                      if left > 0 then redis.call('PEXPIRE', key, left) else redis.call('DEL', key) end end";
        let command = format!("EVAL \"{script}\" 0 {}* {}", config.prefix, time.as_millis());
        let answer = server.command(&command).await.unwrap();
        assert!(answer.starts_with("$-1"), "{answer}");
    }

    pub(crate) fn request(&self, scope: &str, permits: u32) -> LimitRequest {
        LimitRequest::new(self.organization, counter(scope, permits))
    }
}

/// A counter with this many permits per minute.
pub(crate) fn counter(scope: &str, permits: u32) -> Counter {
    Counter::new(scope, Rate::per_minute(permits))
}

/// Compares with a tolerance of 5 s, because the clock of Redis cannot be stopped.
pub(crate) fn about(actual: Duration, expected: Duration) -> bool {
    actual <= expected && expected - actual < Duration::from_secs(5)
}
