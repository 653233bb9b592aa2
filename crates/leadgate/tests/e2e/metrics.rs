//! What a gateway says of itself on `/metrics`.

use std::time::Instant;

use crate::systems::send;
use crate::world::{PATIENCE, http};

/// The value of a metric, written with all its labels; 0 before it was first counted.
pub async fn metric(base: &str, name: &str) -> u64 {
    let text = send(http().get(format!("{base}/metrics"))).await.text;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    value.unwrap_or(0)
}

/// How often these gateways had to do without Redis.
pub async fn without_redis(bases: &[&str]) -> u64 {
    let mut sum = 0;
    for base in bases {
        for name in [
            "leadgate_limiter_fallbacks_total",
            "leadgate_limiter_markers_total{begun=\"unknown\"}",
            "leadgate_limiter_calls_total{of=\"markers\",result=\"failed\"}",
        ] {
            sum += metric(base, name).await;
        }
    }
    sum
}

/// What a trial finds while Redis answers these gateways within their 25 ms, as it may not on a machine that is busy
/// with other tests: then there is another trial.
pub async fn with_redis_in_time<T>(bases: &[&str], mut trial: impl AsyncFnMut(usize) -> T) -> T {
    let deadline = Instant::now() + PATIENCE;
    for attempt in 0.. {
        let before = without_redis(bases).await;
        let found = trial(attempt).await;
        if without_redis(bases).await == before {
            return found;
        }
        println!("redis did not answer in time in trial {attempt}");
        assert!(Instant::now() < deadline, "redis never answered in time");
    }
    unreachable!("trials go on until the deadline")
}
