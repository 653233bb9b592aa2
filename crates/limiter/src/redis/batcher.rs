//! While one call is under way the next questions gather. The more there are, the cheaper each one is.

use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Client, RedisError, TlsCertificates};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

use super::batched_call::{BatchedCall, PendingCall};
use super::connection::{RedisCallError, RedisConnection};
use crate::{LimiterConfig, LimiterError, LimiterStatus};

/// More would make everyone in a call, and everyone else at this Redis, wait longer than it saves.
const BATCH_MAX: usize = 128;

/// Questions that may wait for the next call; what comes on top stays unanswered.
const WAITING: usize = 4_096;

/// How long an opening line waits for Redis before it starts degraded.
const OPEN_TIMEOUT: Duration = Duration::from_millis(500);

/// How long a question waits for a connection that is being replaced.
const RECONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// Asks the one task that speaks with Redis about this. The task ends with the last clone.
pub(crate) struct Batcher<Q: BatchedCall> {
    asks: mpsc::Sender<PendingCall<Q>>,
    state: watch::Receiver<RedisState>,
}

/// Whether Redis can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
enum RedisState {
    Ready,
    /// A connection turned out to be broken, and the first attempt to open another goes on.
    Reconnecting(String),
    /// Reconnecting failed: Redis is unavailable.
    Unreachable(String),
}

impl<Q: BatchedCall> Clone for Batcher<Q> {
    fn clone(&self) -> Self {
        Self { asks: self.asks.clone(), state: self.state.clone() }
    }
}

impl<Q: BatchedCall> Batcher<Q> {
    /// A Redis that is down is no error.
    pub(crate) async fn open(config: &LimiterConfig) -> Result<Self, LimiterError> {
        let client = client(config)?;
        let (asks, waiting) = mpsc::channel(WAITING);
        let (reporting, mut state) =
            watch::channel(RedisState::Unreachable("redis was not reached yet".to_owned()));
        let link = RedisConnection::new(client, config.timeout);
        tokio::spawn(BatchLoop::<Q> { link, waiting, state: reporting }.run());
        _ = timeout(OPEN_TIMEOUT, state.wait_for(|state| *state == RedisState::Ready)).await;
        Ok(Self { asks, state })
    }

    /// None, in two time-outs at most, if Redis does not answer.
    pub(crate) async fn call(&self, question: Q) -> Option<Q::Answer> {
        if *self.state.borrow() != RedisState::Ready {
            return None;
        }
        let (reply, answer) = oneshot::channel();
        self.asks.try_send(PendingCall { question, since: Instant::now(), reply }).ok()?;
        answer.await.ok()
    }

    /// Asks once more if only the connection was broken: one that Redis closed while nothing was asked shows that
    /// with the first question. The question must be one that may be asked twice.
    pub(crate) async fn call_with_retry(&self, question: Q) -> Option<Q::Answer>
    where
        Q: Clone,
    {
        if let Some(answer) = self.call(question.clone()).await {
            return Some(answer);
        }
        let mut state = self.state.clone();
        let replaced = state.wait_for(|state| !matches!(state, RedisState::Reconnecting(_)));
        _ = timeout(RECONNECT_TIMEOUT, replaced).await;
        self.call(question).await
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
    let refused = |error: RedisError| LimiterError::Address(error.category().to_owned());
    let Some(file) = config.ca_file.as_ref().filter(|_| config.url.starts_with("rediss:")) else {
        return Client::open(config.url.as_str()).map_err(refused);
    };
    let authorities = std::fs::read(file).map_err(|error| LimiterError::Certificates(error.to_string()))?;
    let certificates = TlsCertificates { client_tls: None, root_cert: Some(authorities) };
    Client::build_with_tls(config.url.as_str(), certificates).map_err(refused)
}

struct BatchLoop<Q: BatchedCall> {
    link: RedisConnection<Q>,
    waiting: mpsc::Receiver<PendingCall<Q>>,
    state: watch::Sender<RedisState>,
}

impl<Q: BatchedCall> BatchLoop<Q> {
    /// Works until no line is left.
    async fn run(mut self) {
        metrics::gauge!("leadgate_limiter_fallback_active", "of" => Q::LABEL).set(1);
        while let Some(connection) = self.reconnect().await {
            self.set_degraded(false, RedisState::Ready);
            tracing::info!(limiter.of = Q::LABEL, "limiter asks redis");
            let Err(error) = self.serve(connection).await else { return };
            tracing::warn!(limiter.of = Q::LABEL, %error, "limiter goes on without redis until it answers again");
            self.set_degraded(
                true,
                match &error {
                    // A slow server would also be slow to accept a connection, so it counts as away.
                    RedisCallError::Timeout(_) => RedisState::Unreachable(error.to_string()),
                    RedisCallError::Redis(_) => RedisState::Reconnecting(error.to_string()),
                },
            );
        }
    }

    fn set_degraded(&self, active: bool, state: RedisState) {
        metrics::gauge!("leadgate_limiter_fallback_active", "of" => Q::LABEL).set(u8::from(active));
        self.state.send_replace(state);
    }

    /// Requests that wait meanwhile are dropped unanswered. `None` when no line is left.
    async fn reconnect(&mut self) -> Option<MultiplexedConnection> {
        let state = &self.state;
        let note = |error: RedisCallError| {
            tracing::debug!(%error, "redis cannot be asked yet");
            state.send_replace(RedisState::Unreachable(error.to_string()));
        };
        let mut establishing = std::pin::pin!(self.link.connect_with_retries(note));
        let mut unanswered = Vec::with_capacity(BATCH_MAX);
        loop {
            tokio::select! {
                connection = &mut establishing => return Some(connection),
                got = self.waiting.recv_many(&mut unanswered, BATCH_MAX) => if got == 0 { return None },
            }
            unanswered.clear();
        }
    }

    /// Returns when no line is left, or with the reason why Redis cannot be asked any more.
    async fn serve(&mut self, mut connection: MultiplexedConnection) -> Result<(), RedisCallError> {
        let mut asked: Vec<PendingCall<Q>> = Vec::with_capacity(BATCH_MAX);
        while self.waiting.recv_many(&mut asked, BATCH_MAX).await > 0 {
            // A slow Redis makes them wait before their call too: not longer than for the call itself.
            asked.retain(|ask| ask.since.elapsed() < self.link.timeout);
            if asked.is_empty() {
                continue;
            }
            let started = Instant::now();
            let answers = self.link.with_timeout(Q::call_all(&mut connection, &asked)).await;
            count_call::<Q>(asked.len(), started.elapsed(), answers.is_ok());
            for (ask, answer) in asked.drain(..).zip(answers?) {
                // Who no longer waits is passed over.
                _ = ask.reply.send(answer);
            }
            self.link.reset_delay();
        }
        Ok(())
    }
}

fn count_call<Q: BatchedCall>(asked: usize, took: Duration, ok: bool) {
    let result = if ok { "ok" } else { "failed" };
    metrics::counter!("leadgate_limiter_calls_total", "of" => Q::LABEL, "result" => result).increment(1);
    metrics::histogram!("leadgate_limiter_call_requests", "of" => Q::LABEL)
        .record(u32::try_from(asked).unwrap_or(u32::MAX));
    metrics::histogram!("leadgate_limiter_call_seconds", "of" => Q::LABEL).record(took);
}
