//! Polling with a time limit, for states of other processes that send no notification.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::Context;

/// Calls `probe` every 20 ms until it succeeds, at most for `limit`. Each call has a timeout of 5 s.
///
/// # Errors
/// At the limit. The error contains `what` and the last error of the probe.
pub(crate) async fn until<T, F>(
    what: &str,
    limit: Duration,
    mut probe: impl FnMut() -> F,
) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    let started = Instant::now();
    loop {
        let result = tokio::time::timeout(Duration::from_secs(5), probe()).await;
        match result.unwrap_or_else(|_| Err(anyhow::anyhow!("no response within 5 s"))) {
            Ok(value) => return Ok(value),
            Err(error) if started.elapsed() > limit => {
                return Err(error).with_context(|| format!("waited {limit:?} for {what}"));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}
