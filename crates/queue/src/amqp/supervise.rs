//! Open, serve, report, back off: what every task with a channel does until it is no longer needed.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::future::BoxFuture;
use metrics::counter;
use tokio::time::sleep;

use crate::error::{QueueError, QueueFailure};

const LONGEST_DELAY: Duration = Duration::from_secs(3);
/// Spread up to twice as long, so that processes do not come back in step.
const DELAYS: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(100))
    .with_max_delay(LONGEST_DELAY)
    .with_max_times(usize::MAX)
    .with_jitter();
/// A wrong topology waits for an operator.
const TOPOLOGY_DELAY: Duration = Duration::from_secs(5);
/// After a channel that lasted this long, the next one is opened at once.
const STABLE_AFTER: Duration = Duration::from_secs(5);

/// Why a channel was given up.
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

/// Work over a channel that [`supervise`] opens, and opens again after it was lost.
pub(crate) trait ChannelTask: Send {
    /// Its name in logs and metrics.
    const LINK: &'static str;
    /// The channel, with what belongs to it.
    type Open: Send;

    /// Waits until a channel is needed. False if none will be needed any more.
    fn needed(&mut self) -> impl Future<Output = bool> + Send {
        std::future::ready(true)
    }

    fn open(&self) -> BoxFuture<'static, Result<Self::Open, QueueError>>;

    /// Runs while there is no channel. Returns when none is needed any more.
    fn without_channel(&mut self) -> impl Future<Output = ()> + Send;

    /// Serves over one channel. `Ok` when none is needed any more.
    fn serve(&mut self, open: Self::Open) -> impl Future<Output = Result<(), Interruption>> + Send;

    /// The channel was lost, or could not be opened.
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
        let served = match opened {
            Ok(open) => task.serve(open).await,
            Err(error) => Err(error.into()),
        };
        let Err(interruption) = served else { return };
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
            delays.next().unwrap_or(LONGEST_DELAY)
        };
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::time::Instant;

    use super::*;

    /// Can never be opened.
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

    async fn waits(error: QueueError) -> Vec<Duration> {
        let mut broken = FailingTask { error, attempts: vec![Instant::now()] };
        supervise(&mut broken).await;
        broken.attempts.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn waits_grow_and_stay_bounded() {
        let waits = waits(QueueError::Unreachable("gone".to_owned())).await;
        assert_eq!(waits[0], Duration::ZERO);
        assert!(
            waits[1] >= Duration::from_millis(100) && waits[1] <= Duration::from_millis(205),
            "{waits:?}"
        );
        assert!(waits[10..].iter().all(|wait| *wait >= LONGEST_DELAY), "{waits:?}");
        assert!(waits.iter().all(|wait| *wait < Duration::from_secs(7)), "{waits:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wrong_topology_is_not_tried_again_at_once() {
        let waits = waits(QueueError::Topology("missing".to_owned())).await;
        assert!(waits[1..].iter().all(|wait| *wait >= TOPOLOGY_DELAY), "{waits:?}");
    }
}
