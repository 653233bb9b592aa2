//! Collects the calls that arrive while a batch runs. They form the next batch, so the cost of a call falls
//! with the load.

use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Client, RedisError, TlsCertificates};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

use super::batched_call::{BatchedCall, PendingCall};
use super::connection::{RedisCallError, RedisConnection};
use crate::{LimiterConfig, LimiterError, LimiterStatus};

/// A larger batch saves little and delays its own calls and all other clients of this Redis.
const BATCH_MAX: usize = 128;

/// Maximum number of calls that wait for the next batch. Further calls get no result.
const MAX_WAITING: usize = 4_096;

/// How long [`Batcher::open`] waits for Redis before it starts degraded.
const OPEN_TIMEOUT: Duration = Duration::from_millis(500);

/// How long a call waits for the replacement of a broken connection.
const RECONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// Sends calls to the task that owns the connection to Redis. The task ends when the last clone is dropped.
pub(crate) struct Batcher<Q: BatchedCall> {
    calls: mpsc::Sender<PendingCall<Q>>,
    state: watch::Receiver<RedisState>,
}

/// Whether Redis is reachable.
#[derive(Debug, Clone, PartialEq, Eq)]
enum RedisState {
    Ready,
    /// The connection is broken, and the first attempt to replace it is running.
    Reconnecting(String),
    /// Reconnecting failed, or Redis did not answer in time.
    Unreachable(String),
}

impl<Q: BatchedCall> Clone for Batcher<Q> {
    fn clone(&self) -> Self {
        Self { calls: self.calls.clone(), state: self.state.clone() }
    }
}

impl<Q: BatchedCall> Batcher<Q> {
    /// An unreachable Redis is not an error: the batcher then starts degraded.
    pub(crate) async fn open(config: &LimiterConfig) -> Result<Self, LimiterError> {
        let client = client(config)?;
        let (calls, waiting) = mpsc::channel(MAX_WAITING);
        let (state_sender, mut state) =
            watch::channel(RedisState::Unreachable("redis has not been reached yet".to_owned()));
        let connector = RedisConnection::new(client, config.timeout);
        tokio::spawn(BatchLoop::<Q> { connector, waiting, state: state_sender }.run());
        _ = timeout(OPEN_TIMEOUT, state.wait_for(|state| *state == RedisState::Ready)).await;
        Ok(Self { calls, state })
    }

    /// Returns `None` if Redis does not answer, after at most two time limits of a call.
    pub(crate) async fn call(&self, call: Q) -> Option<Q::Answer> {
        if *self.state.borrow() != RedisState::Ready {
            return None;
        }
        let (reply, answer) = oneshot::channel();
        self.calls.try_send(PendingCall { call, since: Instant::now(), reply }).ok()?;
        answer.await.ok()
    }

    /// Retries once if the connection was broken: a connection that Redis closed while idle fails at the next
    /// call. The call must be idempotent.
    pub(crate) async fn call_with_retry(&self, call: Q) -> Option<Q::Answer>
    where
        Q: Clone,
    {
        if let Some(answer) = self.call(call.clone()).await {
            return Some(answer);
        }
        let mut state = self.state.clone();
        let replaced = state.wait_for(|state| !matches!(state, RedisState::Reconnecting(_)));
        _ = timeout(RECONNECT_TIMEOUT, replaced).await;
        self.call(call).await
    }

    pub(crate) fn status(&self) -> LimiterStatus {
        match &*self.state.borrow() {
            RedisState::Ready => LimiterStatus::Ready,
            RedisState::Reconnecting(reason) | RedisState::Unreachable(reason) => {
                LimiterStatus::Degraded(reason.clone())
            }
        }
    }
}

fn client(config: &LimiterConfig) -> Result<Client, LimiterError> {
    let invalid_address = |error: RedisError| LimiterError::Address(error.category().to_owned());
    let Some(file) = config.ca_file.as_ref().filter(|_| config.url.starts_with("rediss:")) else {
        return Client::open(config.url.as_str()).map_err(invalid_address);
    };
    let authorities = std::fs::read(file).map_err(|error| LimiterError::Certificates(error.to_string()))?;
    let certificates = TlsCertificates { client_tls: None, root_cert: Some(authorities) };
    Client::build_with_tls(config.url.as_str(), certificates).map_err(invalid_address)
}

struct BatchLoop<Q: BatchedCall> {
    connector: RedisConnection<Q>,
    waiting: mpsc::Receiver<PendingCall<Q>>,
    state: watch::Sender<RedisState>,
}

impl<Q: BatchedCall> BatchLoop<Q> {
    /// Runs until the last [`Batcher`] is dropped.
    async fn run(mut self) {
        metrics::gauge!("leadgate_limiter_fallback_active", "call" => Q::LABEL).set(1);
        while let Some(connection) = self.reconnect().await {
            self.set_degraded(false, RedisState::Ready);
            tracing::info!(limiter.call = Q::LABEL, "limiter uses redis");
            let Err(error) = self.serve(connection).await else { return };
            tracing::warn!(limiter.call = Q::LABEL, %error, "limiter continues without redis");
            self.set_degraded(
                true,
                match &error {
                    // A slow server would also be slow to accept a connection, so it counts as unreachable.
                    RedisCallError::Timeout(_) => RedisState::Unreachable(error.to_string()),
                    RedisCallError::Redis(_) => RedisState::Reconnecting(error.to_string()),
                },
            );
        }
    }

    fn set_degraded(&self, active: bool, state: RedisState) {
        metrics::gauge!("leadgate_limiter_fallback_active", "call" => Q::LABEL).set(u8::from(active));
        self.state.send_replace(state);
    }

    /// Drops the calls that arrive before the connection is open. Returns `None` when the last [`Batcher`] is
    /// dropped.
    async fn reconnect(&mut self) -> Option<MultiplexedConnection> {
        let state = &self.state;
        let on_error = |error: RedisCallError| {
            tracing::debug!(%error, "redis is still unreachable");
            state.send_replace(RedisState::Unreachable(error.to_string()));
        };
        let mut connecting = std::pin::pin!(self.connector.connect_with_retries(on_error));
        let mut dropped = Vec::with_capacity(BATCH_MAX);
        loop {
            tokio::select! {
                connection = &mut connecting => return Some(connection),
                count = self.waiting.recv_many(&mut dropped, BATCH_MAX) => if count == 0 { return None },
            }
            dropped.clear();
        }
    }

    /// Runs batches. Returns `Ok` when the last [`Batcher`] is dropped, and an error when a batch fails.
    async fn serve(&mut self, mut connection: MultiplexedConnection) -> Result<(), RedisCallError> {
        let mut batch: Vec<PendingCall<Q>> = Vec::with_capacity(BATCH_MAX);
        while self.waiting.recv_many(&mut batch, BATCH_MAX).await > 0 {
            // Calls also wait for the batch before theirs. Drop those that waited longer than the time limit.
            batch.retain(|call| call.since.elapsed() < self.connector.timeout);
            if batch.is_empty() {
                continue;
            }
            let started = Instant::now();
            let answers = self.connector.with_timeout(Q::call_all(&mut connection, &batch)).await;
            record_batch::<Q>(batch.len(), started.elapsed(), answers.is_ok());
            for (call, answer) in batch.drain(..).zip(answers?) {
                // The send fails if the caller no longer waits.
                _ = call.reply.send(answer);
            }
            self.connector.reset_delay();
        }
        Ok(())
    }
}

fn record_batch<Q: BatchedCall>(size: usize, elapsed: Duration, ok: bool) {
    let result = if ok { "ok" } else { "failed" };
    metrics::counter!("leadgate_limiter_calls_total", "call" => Q::LABEL, "result" => result).increment(1);
    metrics::histogram!("leadgate_limiter_call_requests", "call" => Q::LABEL)
        .record(u32::try_from(size).unwrap_or(u32::MAX));
    metrics::histogram!("leadgate_limiter_call_seconds", "call" => Q::LABEL).record(elapsed);
}
