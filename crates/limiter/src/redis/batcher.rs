//! Collects the calls that arrive while a batch runs. They form the next batch, so the cost of a call falls
//! with the load.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Client, RedisError, TlsCertificates};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::batch_metrics::BatchMetrics;
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
    redis_time: Arc<RedisTime>,
    siblings: Arc<Siblings>,
}

/// How long a batcher has waited for Redis, in microseconds.
#[derive(Default)]
struct RedisTime(AtomicU64);

/// What the batchers of a process have in common that make the same kind of call.
struct Siblings {
    client: Client,
    /// Time limit of one call.
    timeout: Duration,
    /// The runtime in which the first of them was opened.
    runtime: Handle,
    /// The states of the batchers whose tasks have not ended.
    states: Mutex<Vec<Weak<watch::Sender<RedisState>>>>,
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
        let (redis_time, siblings) = (Arc::clone(&self.redis_time), Arc::clone(&self.siblings));
        Self { calls: self.calls.clone(), state: self.state.clone(), redis_time, siblings }
    }
}

impl<Q: BatchedCall> Batcher<Q> {
    /// An unreachable Redis is not an error: the batcher then starts degraded.
    pub(crate) async fn open(config: &LimiterConfig) -> Result<Self, LimiterError> {
        let (runtime, states) = (Handle::current(), Mutex::default());
        let siblings = Siblings { client: client(config)?, timeout: config.timeout, runtime, states };
        Ok(Self::start(Arc::new(siblings)).await)
    }

    /// Starts a batcher with its own connection, whose task runs in the current runtime. Like [`Self::open`], it
    /// waits a moment for Redis, so that its first call does not find it degraded.
    pub(crate) async fn open_sibling(&self) -> Self {
        Self::start(Arc::clone(&self.siblings)).await
    }

    async fn start(siblings: Arc<Siblings>) -> Self {
        let (calls, waiting) = mpsc::channel(MAX_WAITING);
        let (state_sender, mut state) =
            watch::channel(RedisState::Unreachable("redis has not been reached yet".to_owned()));
        let state_sender = siblings.add(state_sender);
        let connector =
            RedisConnection::new(siblings.client.clone(), siblings.timeout, siblings.runtime.clone());
        let redis_time = Arc::<RedisTime>::default();
        let batch_loop = BatchLoop::<Q> {
            connector,
            waiting,
            state: state_sender,
            redis_time: Arc::clone(&redis_time),
            metrics: BatchMetrics::new(Q::LABEL),
        };
        tokio::spawn(batch_loop.run());
        _ = timeout(OPEN_TIMEOUT, state.wait_for(|state| *state == RedisState::Ready)).await;
        Self { calls, state, redis_time, siblings }
    }

    /// Returns `None` if Redis does not answer, after at most two time limits of a call.
    pub(crate) async fn call(&self, call: Q) -> Option<Q::Answer> {
        if *self.state.borrow() != RedisState::Ready {
            return None;
        }
        let (reply, answer) = oneshot::channel();
        self.calls.try_send(PendingCall { call, since: self.redis_time.get(), reply }).ok()?;
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

    /// The status of all siblings: degraded if one is.
    pub(crate) fn status(&self) -> LimiterStatus {
        self.siblings.degraded().map_or(LimiterStatus::Ready, LimiterStatus::Degraded)
    }
}

impl RedisTime {
    fn get(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }

    fn add(&self, elapsed: Duration) {
        self.0.fetch_add(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Siblings {
    fn add(&self, state: watch::Sender<RedisState>) -> Arc<watch::Sender<RedisState>> {
        let state = Arc::new(state);
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.retain(|state| state.strong_count() > 0);
        states.push(Arc::downgrade(&state));
        state
    }

    /// Why Redis is not used by one of the batchers; `None` if all use it.
    fn degraded(&self) -> Option<String> {
        let states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.iter().filter_map(Weak::upgrade).find_map(|state| match &*state.borrow() {
            RedisState::Ready => None,
            RedisState::Reconnecting(reason) | RedisState::Unreachable(reason) => Some(reason.clone()),
        })
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
    state: Arc<watch::Sender<RedisState>>,
    redis_time: Arc<RedisTime>,
    metrics: BatchMetrics,
}

impl<Q: BatchedCall> BatchLoop<Q> {
    /// Runs until the last [`Batcher`] is dropped.
    async fn run(mut self) {
        self.metrics.set_fallback(true);
        while let Some(connection) = self.reconnect().await {
            self.set_state(RedisState::Ready);
            tracing::info!(limiter.call = Q::LABEL, "limiter uses redis");
            let Err(error) = self.serve(connection).await else { return };
            tracing::warn!(limiter.call = Q::LABEL, %error, "limiter continues without redis");
            self.set_state(match &error {
                // A slow server would also be slow to accept a connection, so it counts as unreachable.
                RedisCallError::Timeout(_) => RedisState::Unreachable(error.to_string()),
                RedisCallError::Redis(_) => RedisState::Reconnecting(error.to_string()),
            });
        }
    }

    fn set_state(&mut self, state: RedisState) {
        self.metrics.set_fallback(state != RedisState::Ready);
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
    async fn serve(&mut self, connection: MultiplexedConnection) -> Result<(), RedisCallError> {
        let mut batch: Vec<PendingCall<Q>> = Vec::with_capacity(BATCH_MAX);
        while self.waiting.recv_many(&mut batch, BATCH_MAX).await > 0 {
            // Calls also wait for earlier batches. Drop those for which these took longer than the time limit.
            let now = self.redis_time.get();
            batch.retain(|call| now.saturating_sub(call.since) < self.connector.timeout);
            if batch.is_empty() {
                continue;
            }
            let called = self.connector.call(connection.clone(), batch).await?;
            self.redis_time.add(called.elapsed);
            self.metrics.record_batch(called.batch.len(), called.elapsed, called.answers.is_ok());
            batch = called.batch;
            for (call, answer) in batch.drain(..).zip(called.answers?) {
                // The send fails if the caller no longer waits.
                _ = call.reply.send(answer);
            }
            self.connector.reset_delay();
        }
        Ok(())
    }
}
