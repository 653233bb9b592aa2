//! Opens the connection to Redis. A connection is dropped after a call that timed out, so a late response is
//! never read as the response of a later call.

use std::marker::PhantomData;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, RedisError, RedisResult};
use tokio::runtime::Handle;
use tokio::task::JoinError;
use tokio::time::{Instant, timeout};

use super::batched_call::{BatchedCall, PendingCall};

const MIN_DELAY: Duration = Duration::from_millis(50);
const MAX_DELAY: Duration = Duration::from_secs(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Why a call failed. The text never contains an address.
#[derive(Debug, thiserror::Error)]
pub(super) enum RedisCallError {
    #[error("redis did not answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    #[error("redis: {0}")]
    Redis(String),
}

impl From<RedisError> for RedisCallError {
    fn from(error: RedisError) -> Self {
        Self::Redis(error.code().unwrap_or_else(|| error.category()).to_owned())
    }
}

impl From<JoinError> for RedisCallError {
    fn from(_: JoinError) -> Self {
        Self::Redis("the call was interrupted".to_owned())
    }
}

/// Connects and calls in the runtime in which the limiter was opened. The task that batches calls may run on a
/// thread that is busy with requests: there Redis would look slower than it is.
pub(super) struct RedisConnection<Q> {
    client: Client,
    /// Time limit of one call.
    pub(super) timeout: Duration,
    runtime: Handle,
    /// Delay before the next attempt. It grows until a call succeeds; a successful connect is not enough.
    delay: Duration,
    /// The kind of call whose empty batch checks a new connection.
    call: PhantomData<fn(Q)>,
}

/// A batch after its call.
pub(super) struct CalledBatch<Q: BatchedCall> {
    pub(super) batch: Vec<PendingCall<Q>>,
    /// How long Redis took.
    pub(super) elapsed: Duration,
    pub(super) answers: Result<Vec<Q::Answer>, RedisCallError>,
}

impl<Q: BatchedCall> RedisConnection<Q> {
    pub(super) fn new(client: Client, timeout: Duration, runtime: Handle) -> Self {
        Self { client, timeout, runtime, delay: Duration::ZERO, call: PhantomData }
    }

    /// Connects, without a limit of attempts, until Redis answers in time.
    pub(super) async fn connect_with_retries(
        &mut self,
        mut on_error: impl FnMut(RedisCallError),
    ) -> MultiplexedConnection {
        loop {
            tokio::time::sleep(self.delay).await;
            self.delay = (2 * self.delay).clamp(MIN_DELAY, MAX_DELAY);
            match self.connect().await {
                Ok(connection) => return connection,
                Err(error) => on_error(error),
            }
        }
    }

    /// Called after a successful call: the next reconnect starts without a delay.
    pub(super) fn reset_delay(&mut self) {
        self.delay = Duration::ZERO;
    }

    async fn connect(&self) -> Result<MultiplexedConnection, RedisCallError> {
        let (client, limit) = (self.client.clone(), self.timeout);
        let connecting = async move {
            let config = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT_TIMEOUT));
            let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
            with_timeout(limit, Q::call_all(&mut connection, &[])).await?;
            Ok(connection)
        };
        self.runtime.spawn(connecting).await?
    }

    pub(super) async fn call(
        &self,
        mut connection: MultiplexedConnection,
        batch: Vec<PendingCall<Q>>,
    ) -> Result<CalledBatch<Q>, RedisCallError> {
        let limit = self.timeout;
        let calling = async move {
            let started = Instant::now();
            let answers = with_timeout(limit, Q::call_all(&mut connection, &batch)).await;
            CalledBatch { batch, elapsed: started.elapsed(), answers }
        };
        Ok(self.runtime.spawn(calling).await?)
    }
}

async fn with_timeout<T>(
    limit: Duration,
    answer: impl Future<Output = RedisResult<T>>,
) -> Result<T, RedisCallError> {
    Ok(timeout(limit, answer).await.map_err(|_| RedisCallError::Timeout(limit))??)
}
