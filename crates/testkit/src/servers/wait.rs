//! Bounded polling: for what another process tells nobody.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::Context;

/// Asks `probe` every 20 ms, waiting up to 5 s each time, until it answers; at most for `limit`.
///
/// # Errors
/// At the limit, naming `what` was waited for and the probe's last complaint.
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
        let answer = tokio::time::timeout(Duration::from_secs(5), probe()).await;
        match answer.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer"))) {
            Ok(answer) => return Ok(answer),
            Err(complaint) if started.elapsed() > limit => {
                return Err(complaint).with_context(|| format!("waited {limit:?} for {what}"));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}
