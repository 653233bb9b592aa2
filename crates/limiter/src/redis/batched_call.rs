//! What Redis is asked.

use ::redis::RedisResult;
use ::redis::aio::MultiplexedConnection;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Something that Redis is asked, many at once.
pub(crate) trait BatchedCall: Send + Sync + Sized + 'static {
    type Answer: Send + 'static;
    /// Names it in metrics.
    const LABEL: &'static str;

    /// Has Redis answer all of them in order; the answers lie in the same order. Asked nothing, it proves that it can.
    fn call_all(
        connection: &mut MultiplexedConnection,
        asked: &[PendingCall<Self>],
    ) -> impl Future<Output = RedisResult<Vec<Self::Answer>>> + Send;
}

/// A question on its way to Redis, and where its answer is awaited.
pub(crate) struct PendingCall<Q: BatchedCall> {
    pub(crate) question: Q,
    pub(super) since: Instant,
    pub(super) reply: oneshot::Sender<Q::Answer>,
}
