//! A receiver of webhooks that only counts, and measures how old each event is.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use hdrhistogram::Histogram;
use jiff::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::figures::float;

/// Events that are still missing when none arrived for this time are lost.
const STALLED: Duration = Duration::from_secs(60);

const RESPONSE: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

struct State {
    count: watch::Sender<usize>,
    /// In microseconds.
    latencies: Mutex<Histogram<u64>>,
}

pub(crate) struct CountingReceiver {
    port: u16,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

impl Drop for CountingReceiver {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl CountingReceiver {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (count, _) = watch::channel(0);
        let state = Arc::new(State { count, latencies: Mutex::new(Histogram::new(3)?) });
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                tokio::spawn(async move {
                    // A dispatcher closes connections that it does not need.
                    _ = serve(stream, &state).await;
                });
            }
        });
        Ok(Self { port, state, accepting })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Waits until there were this many requests.
    ///
    /// # Errors
    /// When none arrives for a minute.
    pub(crate) async fn await_requests(&self, count: usize) -> anyhow::Result<()> {
        let mut counts = self.state.count.subscribe();
        while *counts.borrow_and_update() < count {
            let arrived = *self.state.count.borrow();
            let next = tokio::time::timeout(STALLED, counts.changed()).await;
            next.with_context(|| format!("{arrived} of {count} events arrived"))??;
        }
        Ok(())
    }

    pub(crate) fn reset_latencies(&self) {
        self.state.latencies.lock().unwrap_or_else(PoisonError::into_inner).reset();
    }

    /// How old events were when they arrived.
    pub(crate) fn latency_ms(&self, quantile: f64) -> f64 {
        let latencies = self.state.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        float(latencies.value_at_quantile(quantile)) / 1_000.0
    }
}

async fn serve(mut stream: TcpStream, state: &State) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(16 * 1024);
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        let complete = match request.parse(&buffer)? {
            httparse::Status::Partial => None,
            httparse::Status::Complete(head) => {
                let length =
                    request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
                let length =
                    length.and_then(|header| std::str::from_utf8(header.value).ok()?.parse::<usize>().ok());
                Some(head + length.unwrap_or(0)).filter(|end| buffer.len() >= *end).map(|end| (head, end))
            }
        };
        let Some((head, end)) = complete else {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
            continue;
        };
        if let Some(age) = buffer.get(head..end).and_then(age) {
            let mut latencies = state.latencies.lock().unwrap_or_else(PoisonError::into_inner);
            latencies.saturating_record(u64::try_from(age.as_micros()).unwrap_or(u64::MAX));
        }
        state.count.send_modify(|count| *count += 1);
        buffer.drain(..end);
        stream.write_all(RESPONSE).await?;
    }
}

/// The time since the event of this payload.
fn age(payload: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(payload).ok()?;
    let (_, rest) = text.split_once(r#""timestamp":""#)?;
    let at: Timestamp = rest.split('"').next()?.parse().ok()?;
    Timestamp::now().duration_since(at).try_into().ok()
}
