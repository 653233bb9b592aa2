//! An HTTP server that answers as a function says, and a TLS server that no client trusts.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use openssl::pkey::PKey;
use openssl::ssl::{SslAcceptor, SslMethod};
use openssl::x509::X509;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::Answer;
use crate::tls::CertificateAuthority;

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

/// An HTTP server on a port of its own, until it is dropped. A function gets each request and returns the answer. The
/// server keeps no request.
pub struct WebhookServer {
    port: u16,
    accepting: JoinHandle<()>,
}

impl Drop for WebhookServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl WebhookServer {
    /// # Errors
    /// When no port can be opened.
    pub async fn start(
        answer: impl Fn(ReceivedRequest) -> Answer + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let answer = Arc::new(answer);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answer = Arc::clone(&answer);
                tokio::spawn(async move {
                    // A client may close at any time.
                    _ = serve(stream, &*answer).await;
                });
            }
        });
        Ok(Self { port, accepting })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }
}

async fn serve(mut stream: TcpStream, answer: impl Fn(ReceivedRequest) -> Answer) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(16 * 1024);
    while let Some(request) = read(&mut stream, &mut buffer).await? {
        if !answer(request).send(&mut stream).await? {
            break;
        }
    }
    Ok(())
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

/// A TLS server on a port of its own whose certificate no client trusts, until it is dropped.
pub struct UntrustedServer {
    port: u16,
    requests: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Drop for UntrustedServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// How long a client may take for each step of a handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(60);

impl UntrustedServer {
    /// # Errors
    /// When OpenSSL reports an error, or no port can be opened.
    pub async fn start() -> anyhow::Result<Self> {
        let issued = CertificateAuthority::new()?.issue(Ipv4Addr::LOCALHOST.into())?;
        let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
        let certificate = X509::from_pem(&issued.certificate)?;
        builder.set_certificate(&certificate)?;
        let key = PKey::private_key_from_pem(&issued.key)?;
        builder.set_private_key(&key)?;
        let acceptor = Arc::new(builder.build());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let requests = Arc::new(AtomicUsize::new(0));
        let shared = Arc::clone(&requests);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, requests) = (Arc::clone(&acceptor), Arc::clone(&shared));
                tokio::task::spawn_blocking(move || {
                    if handshake(&acceptor, stream).unwrap_or(false) {
                        requests.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        Ok(Self { port, requests, accepting })
    }

    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}/hook", self.port)
    }

    /// The connections so far in which the client accepted the certificate and sent something.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Whether the client sent something after the handshake.
fn handshake(acceptor: &SslAcceptor, stream: TcpStream) -> anyhow::Result<bool> {
    use std::io::Read as _;
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(HANDSHAKE_TIMEOUT))?;
    let mut tls = acceptor.accept(stream).map_err(|_| anyhow::anyhow!("the handshake failed"))?;
    Ok(tls.read(&mut [0; 1])? > 0)
}
