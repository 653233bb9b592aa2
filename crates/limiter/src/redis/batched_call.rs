//! Calls to Redis that run in batches.

use std::time::Duration;

use ::redis::RedisResult;
use ::redis::aio::MultiplexedConnection;
use tokio::sync::oneshot;

/// A kind of call. Each kind has its own script, and its calls run many at once.
pub(crate) trait BatchedCall: Send + Sync + Sized + 'static {
    type Answer: Send + 'static;
    /// The value of the label `call` in metrics.
    const LABEL: &'static str;

    /// Runs all calls in one script and returns their results in the same order. An empty batch is a health
    /// check.
    fn call_all(
        connection: &mut MultiplexedConnection,
        calls: &[PendingCall<Self>],
    ) -> impl Future<Output = RedisResult<Vec<Self::Answer>>> + Send;
}

/// A call that waits for its batch, and the channel for its result.
pub(crate) struct PendingCall<Q: BatchedCall> {
    pub(crate) call: Q,
    /// How long its batcher had waited for Redis when this call arrived.
    pub(super) since: Duration,
    pub(super) reply: oneshot::Sender<Q::Answer>,
}
