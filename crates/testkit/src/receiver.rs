//! A receiver of webhooks, which answers as a test says.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How a receiver answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// With this status, these further headers and this body.
    Response(u16, Vec<(&'static str, String)>, String),
    /// Never.
    Hang,
    /// With the status 200, and then one byte of the body each second.
    Drip,
    /// With the status 200 and a body of ten million bytes.
    Large,
    /// By closing the connection.
    Close,
    /// With the status line 200, and then by closing the connection.
    CloseAfterStatus,
}

impl Answer {
    /// A status without a body.
    pub fn status(status: u16) -> Self {
        Self::Response(status, Vec::new(), String::new())
    }

    fn bytes(&self) -> Vec<u8> {
        let head = |status: u16, length: usize, headers: &[(&str, String)]| {
            let mut head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n");
            headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
            head + "\r\n"
        };
        match self {
            Self::Response(status, headers, body) => (head(*status, body.len(), headers) + body).into_bytes(),
            Self::Large => [head(200, 10_000_000, &[]).into_bytes(), vec![b'x'; 10_000_000]].concat(),
            Self::Drip => head(200, 1_000, &[]).into_bytes(),
            Self::CloseAfterStatus => head(200, 10, &[]).into_bytes(),
            Self::Hang | Self::Close => Vec::new(),
        }
    }
}

/// A request that a receiver got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedRequest {
    pub path: String,
    /// With names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl ReceivedRequest {
    /// The value of a header; empty if it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

struct State {
    answer: Mutex<Answer>,
    received: watch::Sender<Vec<ReceivedRequest>>,
}

/// A receiver on a port of its own, until it is dropped.
pub struct Receiver {
    port: u16,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Receiver {
    /// A receiver that answers with the status 204.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (received, _) = watch::channel(Vec::new());
        let state = Arc::new(State { answer: Mutex::new(Answer::status(204)), received });
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                tokio::spawn(async move {
                    // A client may close at any time.
                    _ = serve(stream, &state).await;
                });
            }
        });
        Ok(Self { port, state, accepting })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    /// Answers further requests like this.
    pub fn answer(&self, answer: Answer) {
        *self.state.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }

    /// The requests so far.
    pub fn received(&self) -> Vec<ReceivedRequest> {
        self.state.received.borrow().clone()
    }

    /// Waits until there are at least `count` requests, and returns all.
    ///
    /// # Errors
    /// When there are fewer at the time limit.
    pub async fn await_requests(
        &self,
        count: usize,
        limit: Duration,
    ) -> anyhow::Result<Vec<ReceivedRequest>> {
        let mut received = self.state.received.subscribe();
        let waiting = received.wait_for(|received| received.len() >= count);
        match tokio::time::timeout(limit, waiting).await {
            Ok(reached) => Ok(reached?.clone()),
            Err(_) => anyhow::bail!("{} of {count} requests after {limit:?}", self.received().len()),
        }
    }
}

async fn serve(mut stream: TcpStream, state: &State) -> anyhow::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let Some(request) = read(&mut stream, &mut buffer).await? else { return Ok(()) };
        let answer = state.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        state.received.send_modify(|received| received.push(request));
        stream.write_all(&answer.bytes()).await?;
        match answer {
            Answer::Hang => std::future::pending().await,
            Answer::Drip => loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                stream.write_all(b"x").await?;
            },
            Answer::Close | Answer::CloseAfterStatus => return Ok(()),
            Answer::Response(..) | Answer::Large => {}
        }
    }
}

/// The next request of a connection; `None` at its end.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<Option<ReceivedRequest>> {
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        if let httparse::Status::Complete(head) = request.parse(buffer)? {
            let headers: BTreeMap<String, String> = request
                .headers
                .iter()
                .map(|header| {
                    let value = String::from_utf8_lossy(header.value).into_owned();
                    (header.name.to_ascii_lowercase(), value)
                })
                .collect();
            let path = request.path.unwrap_or_default().to_owned();
            let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            while buffer.len() < head + length {
                if stream.read_buf(buffer).await? == 0 {
                    return Ok(None);
                }
            }
            let rest = buffer.split_off(head + length);
            let body = buffer.split_off(head);
            *buffer = rest;
            return Ok(Some(ReceivedRequest { path, headers, body }));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}
