//! The connection to Redis. It is lost whenever Redis is late: there is no waiting for an old answer.

use std::marker::PhantomData;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, RedisError};

use super::batched_call::BatchedCall;

const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(1);
const HANDSHAKE: Duration = Duration::from_secs(1);

/// Why Redis cannot be asked. Never names an address.
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
    /// For one call.
    pub(super) timeout: Duration,
    /// Before the next attempt. It grows until a call succeeds, not only the connecting.
    wait: Duration,
    /// What it is for decides how Redis is tried.
    questions: PhantomData<fn(Q)>,
}

impl<Q: BatchedCall> RedisConnection<Q> {
    pub(super) fn new(client: Client, timeout: Duration) -> Self {
        Self { client, timeout, wait: Duration::ZERO, questions: PhantomData }
    }

    /// Tries for as long as it takes, until Redis answers in time.
    pub(super) async fn connect_with_retries(
        &mut self,
        mut note: impl FnMut(RedisCallError),
    ) -> MultiplexedConnection {
        loop {
            tokio::time::sleep(self.wait).await;
            self.wait = (2 * self.wait).clamp(FIRST_WAIT, LONGEST_WAIT);
            match self.try_once().await {
                Ok(connection) => return connection,
                Err(error) => note(error),
            }
        }
    }

    /// A call succeeded: the next loss is a new one.
    pub(super) fn reset_delay(&mut self) {
        self.wait = Duration::ZERO;
    }

    async fn try_once(&self) -> Result<MultiplexedConnection, RedisCallError> {
        let config = AsyncConnectionConfig::new().set_connection_timeout(Some(HANDSHAKE));
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        self.with_timeout(Q::call_all(&mut connection, &[])).await?;
        Ok(connection)
    }

    pub(super) async fn with_timeout<T, E: Into<RedisCallError>>(
        &self,
        answer: impl Future<Output = Result<T, E>>,
    ) -> Result<T, RedisCallError> {
        let late = |_| RedisCallError::Timeout(self.timeout);
        tokio::time::timeout(self.timeout, answer).await.map_err(late)?.map_err(Into::into)
    }
}
