//! A client that posts leads and records the responses in the oracle.

use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Oracle, RequestState};

/// One response with details that the oracle does not record.
#[derive(Clone, Debug)]
pub struct TimedResponse {
    /// The state that was recorded in the oracle.
    pub state: RequestState,
    /// The header `Retry-After` in seconds, if the response has it.
    pub retry_after: Option<u64>,
    /// From the start of the request to the end of the response.
    pub took: Duration,
}

/// Posts native leads with one API key.
#[derive(Clone, Debug)]
pub struct LeadClient {
    url: String,
    key: String,
    connections: usize,
    timeout: Duration,
}

#[derive(Deserialize)]
struct AcceptedId {
    id: Uuid,
}

impl LeadClient {
    /// A client of the gateway at `base` (`http://127.0.0.1:8080`) with an API key, one connection and a
    /// timeout of 10 s.
    pub fn new(base: &str, key: &str) -> Self {
        let url = format!("{}/v1/leads", base.trim_end_matches('/'));
        Self { url, key: key.to_owned(), connections: 1, timeout: Duration::from_secs(10) }
    }

    /// The number of connections for [`LeadClient::closed_loop`] and [`LeadClient::open_loop`].
    #[must_use]
    pub fn connections(self, connections: usize) -> Self {
        Self { connections: connections.max(1), ..self }
    }

    /// The time to wait for a response. After it, the state of the request is unknown.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Posts one body over a new connection, with an `Idempotency-Key` if one is given.
    ///
    /// # Errors
    /// When the HTTP client cannot be built. A failed request is a [`TimedResponse`], not an error.
    pub async fn post(
        &self,
        oracle: &Oracle,
        key: Option<&str>,
        body: Vec<u8>,
    ) -> anyhow::Result<TimedResponse> {
        let http = self.http()?;
        Ok(self.send(&http, oracle, Instant::now(), key, body).await)
    }

    /// Posts all bodies, each with its own idempotency key. Every connection sends its next request when it
    /// has the response to the previous one.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub async fn closed_loop<B>(&self, oracle: &std::sync::Arc<Oracle>, bodies: B) -> anyhow::Result<()>
    where
        B: IntoIterator<Item = Vec<u8>>,
        B::IntoIter: Send + 'static,
    {
        self.run(oracle, bodies.into_iter().map(|body| (None, body))).await
    }

    /// Posts all bodies, each with its own idempotency key, at `rate` requests per second, independent of the
    /// responses. While all connections wait for responses, requests are delayed, and the delay counts as
    /// latency.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub async fn open_loop<B>(
        &self,
        oracle: &std::sync::Arc<Oracle>,
        rate: u32,
        bodies: B,
    ) -> anyhow::Result<()>
    where
        B: IntoIterator<Item = Vec<u8>>,
        B::IntoIter: Send + 'static,
    {
        let start = Instant::now();
        let due = move |index: u32| start + Duration::from_secs(u64::from(index)) / rate.max(1);
        self.run(oracle, (0..).zip(bodies).map(move |(index, body)| (Some(due(index)), body))).await
    }

    async fn run<I>(&self, oracle: &std::sync::Arc<Oracle>, requests: I) -> anyhow::Result<()>
    where
        I: Iterator<Item = (Option<Instant>, Vec<u8>)> + Send + 'static,
    {
        let requests = std::sync::Arc::new(Mutex::new(requests));
        let mut workers = JoinSet::new();
        for _ in 0..self.connections {
            let (client, http) = (self.clone(), self.http()?);
            let (oracle, requests) = (std::sync::Arc::clone(oracle), std::sync::Arc::clone(&requests));
            workers.spawn(async move {
                loop {
                    let next = requests.lock().await.next();
                    let Some((due, body)) = next else { return };
                    if let Some(due) = due {
                        tokio::time::sleep_until(due.into()).await;
                    }
                    let key = Uuid::now_v7().to_string();
                    client.send(&http, &oracle, due.unwrap_or_else(Instant::now), Some(&key), body).await;
                }
            });
        }
        while let Some(worker) = workers.join_next().await {
            worker.context("a worker of the client panicked")?;
        }
        Ok(())
    }

    /// An HTTP client with one persistent connection.
    fn http(&self) -> anyhow::Result<reqwest::Client> {
        let builder = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(1);
        Ok(builder.timeout(self.timeout).tcp_nodelay(true).build()?)
    }

    async fn send(
        &self,
        http: &reqwest::Client,
        oracle: &Oracle,
        due: Instant,
        key: Option<&str>,
        body: Vec<u8>,
    ) -> TimedResponse {
        let ticket = oracle.issue_at(due, key, &body);
        let mut request = http.post(&self.url).bearer_auth(&self.key);
        request = request.header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let (state, retry_after) = match request.body(body).send().await {
            Ok(response) => read_response(response).await,
            Err(_) => (RequestState::Unknown, None),
        };
        oracle.answer(ticket, state);
        TimedResponse { state, retry_after, took: due.elapsed() }
    }
}

async fn read_response(response: reqwest::Response) -> (RequestState, Option<u64>) {
    let status = response.status();
    let header = response.headers().get("retry-after");
    let retry_after = header.and_then(|value| value.to_str().ok()?.parse().ok());
    // A response counts only if it is complete: a truncated 202 does not acknowledge a submission.
    let body = response.bytes().await;
    let state = match (status.as_u16(), body) {
        (202, Ok(body)) => serde_json::from_slice(&body)
            .map_or(RequestState::Unknown, |AcceptedId { id }| RequestState::Acked(id)),
        (code @ (400..=499 | 503), Ok(_)) => RequestState::Refused(code),
        _ => RequestState::Unknown,
    };
    (state, retry_after)
}
