//! Opens the connection to Redis. A connection is dropped after a call that timed out, so a late response is
//! never read as the response of a later call.

use std::marker::PhantomData;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, RedisError};

use super::batched_call::BatchedCall;

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

pub(super) struct RedisConnection<Q> {
    client: Client,
    /// Time limit of one call.
    pub(super) timeout: Duration,
    /// Delay before the next attempt. It grows until a call succeeds; a successful connect is not enough.
    delay: Duration,
    /// The kind of call whose empty batch checks a new connection.
    call: PhantomData<fn(Q)>,
}

impl<Q: BatchedCall> RedisConnection<Q> {
    pub(super) fn new(client: Client, timeout: Duration) -> Self {
        Self { client, timeout, delay: Duration::ZERO, call: PhantomData }
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
        let config = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT_TIMEOUT));
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        self.with_timeout(Q::call_all(&mut connection, &[])).await?;
        Ok(connection)
    }

    pub(super) async fn with_timeout<T, E: Into<RedisCallError>>(
        &self,
        answer: impl Future<Output = Result<T, E>>,
    ) -> Result<T, RedisCallError> {
        let timed_out = |_| RedisCallError::Timeout(self.timeout);
        tokio::time::timeout(self.timeout, answer).await.map_err(timed_out)?.map_err(Into::into)
    }
}
