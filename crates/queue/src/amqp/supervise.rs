//! Runs a task over a channel: opens the channel, serves, reports interruptions, and retries with a backoff.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::future::BoxFuture;
use metrics::counter;
use tokio::time::sleep;

use crate::error::{QueueError, QueueFailure};

const MAX_DELAY: Duration = Duration::from_secs(3);
/// With jitter of up to the same length again, so that processes do not reconnect at the same time.
const DELAYS: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(100))
    .with_max_delay(MAX_DELAY)
    .with_max_times(usize::MAX)
    .with_jitter();
/// Longer, because an operator must repair a wrong topology.
const TOPOLOGY_DELAY: Duration = Duration::from_secs(5);
/// If a channel was open for this long, the next one is opened without a delay.
const STABLE_AFTER: Duration = Duration::from_secs(5);

/// Why a channel ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interruption {
    pub(crate) cause: QueueFailure,
    pub(crate) reason: String,
}

impl Interruption {
    pub(crate) fn disconnected(reason: impl Into<String>) -> Self {
        Self { cause: QueueFailure::Disconnected, reason: reason.into() }
    }

    pub(crate) fn alarm() -> Self {
        let reason = "the broker blocks publishers: it is short of memory or disk space".to_owned();
        Self { cause: QueueFailure::Alarm, reason }
    }
}

impl From<QueueError> for Interruption {
    fn from(error: QueueError) -> Self {
        let cause = match &error {
            QueueError::Topology(_) => QueueFailure::Topology,
            _ => QueueFailure::Disconnected,
        };
        Self { cause, reason: error.to_string() }
    }
}

/// A task over a channel. [`supervise`] opens the channel, and opens it again after a loss.
pub(crate) trait ChannelTask: Send {
    /// The name of the task in logs and metrics.
    const LINK: &'static str;
    /// The open channel, with related handles.
    type Open: Send;

    /// Waits until a channel is needed. Returns false if no channel will be needed any more.
    fn needed(&mut self) -> impl Future<Output = bool> + Send {
        std::future::ready(true)
    }

    fn open(&self) -> BoxFuture<'static, Result<Self::Open, QueueError>>;

    /// Runs while there is no channel. Returns when no channel is needed any more.
    fn without_channel(&mut self) -> impl Future<Output = ()> + Send;

    /// Serves over one channel. Returns `Ok` when no channel is needed any more.
    fn serve(&mut self, open: Self::Open) -> impl Future<Output = Result<(), Interruption>> + Send;

    /// Called when the channel was lost or could not be opened.
    fn interrupted(&mut self, interruption: &Interruption);
}

pub(crate) async fn supervise<T: ChannelTask>(task: &mut T) {
    let (mut delay, mut delays) = (Duration::ZERO, DELAYS.build());
    while task.needed().await {
        let open = task.open();
        let opening = async {
            sleep(delay).await;
            open.await
        };
        let opened = tokio::select! {
            opened = opening => opened,
            () = task.without_channel() => return,
        };
        let started = Instant::now();
        let result = match opened {
            Ok(open) => task.serve(open).await,
            Err(error) => Err(error.into()),
        };
        let Err(interruption) = result else { return };
        task.interrupted(&interruption);
        if interruption.cause != QueueFailure::Alarm {
            counter!("leadgate_queue_reconnects_total", "link" => T::LINK).increment(1);
        }
        delay = if started.elapsed() > STABLE_AFTER {
            delays = DELAYS.build();
            Duration::ZERO
        } else if interruption.cause == QueueFailure::Topology {
            TOPOLOGY_DELAY
        } else {
            delays.next().unwrap_or(MAX_DELAY)
        };
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::time::Instant;

    use super::*;

    /// A task whose channel can never be opened.
    struct FailingTask {
        error: QueueError,
        attempts: Vec<Instant>,
    }

    impl ChannelTask for FailingTask {
        const LINK: &'static str = "test";
        type Open = ();

        async fn needed(&mut self) -> bool {
            self.attempts.len() < 20
        }

        fn open(&self) -> BoxFuture<'static, Result<(), QueueError>> {
            std::future::ready(Err(self.error.clone())).boxed()
        }

        async fn without_channel(&mut self) {
            std::future::pending().await
        }

        async fn serve(&mut self, (): ()) -> Result<(), Interruption> {
            Ok(())
        }

        fn interrupted(&mut self, interruption: &Interruption) {
            assert_eq!(interruption, &Interruption::from(self.error.clone()));
            self.attempts.push(Instant::now());
        }
    }

    async fn delays(error: QueueError) -> Vec<Duration> {
        let mut task = FailingTask { error, attempts: vec![Instant::now()] };
        supervise(&mut task).await;
        task.attempts.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn delays_grow_up_to_a_limit() {
        let delays = delays(QueueError::Unreachable("gone".to_owned())).await;
        assert_eq!(delays[0], Duration::ZERO);
        assert!(
            delays[1] >= Duration::from_millis(100) && delays[1] <= Duration::from_millis(205),
            "{delays:?}"
        );
        assert!(delays[10..].iter().all(|delay| *delay >= MAX_DELAY), "{delays:?}");
        assert!(delays.iter().all(|delay| *delay < Duration::from_secs(7)), "{delays:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wrong_topology_is_retried_after_a_longer_delay() {
        let delays = delays(QueueError::Topology("missing".to_owned())).await;
        assert!(delays[1..].iter().all(|delay| *delay >= TOPOLOGY_DELAY), "{delays:?}");
    }
}
