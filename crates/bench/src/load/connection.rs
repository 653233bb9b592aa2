//! One HTTP/1.1 connection that is kept alive.

use std::io::{Error, ErrorKind, Result};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The time for a response. After it, the request has none.
const TIMEOUT: Duration = Duration::from_secs(30);
const MAX_HEADERS: usize = 64;

/// Servers close a connection that is idle for five seconds.
const MAX_IDLE: Duration = Duration::from_secs(2);

/// Sends one request after the other. It is opened again after a pause.
#[derive(Debug)]
pub(crate) struct LoadConnection {
    address: String,
    stream: TcpStream,
    used: Instant,
    received: Vec<u8>,
}

/// The status of a response, and the position of its body in the received bytes.
struct ReceivedResponse {
    status: u16,
    body: std::ops::Range<usize>,
}

impl LoadConnection {
    pub(crate) async fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            address: address.to_owned(),
            stream,
            used: Instant::now(),
            received: Vec::with_capacity(4_096),
        })
    }

    /// Sends a request and returns the status and the body of the response.
    ///
    /// # Errors
    /// When the connection breaks, or after 30 s. The connection must not be used again then.
    pub(crate) async fn call(&mut self, request: &[u8]) -> Result<(u16, &[u8])> {
        if self.used.elapsed() > MAX_IDLE {
            *self = Self::open(&self.address).await?;
        }
        let response = timeout(TIMEOUT, self.exchange(request)).await.map_err(|_| ErrorKind::TimedOut)??;
        self.used = Instant::now();
        Ok((response.status, self.received.get(response.body).unwrap_or_default()))
    }

    async fn exchange(&mut self, request: &[u8]) -> Result<ReceivedResponse> {
        self.received.clear();
        self.stream.write_all(request).await?;
        loop {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if let Some(response) = parse(&self.received)? {
                return Ok(response);
            }
        }
    }
}

/// A `GET` without a key. The host is the loopback address, because operators' paths require it.
pub(crate) fn get_request(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").into_bytes()
}

/// Returns `None` while the response is not complete.
fn parse(received: &[u8]) -> Result<Option<ReceivedResponse>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let head = response.parse(received).map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
    let (httparse::Status::Complete(head), Some(status)) = (head, response.code) else { return Ok(None) };
    let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|header| std::str::from_utf8(header.value).ok()?.parse::<usize>().ok());
    let end = head + length.ok_or(Error::new(ErrorKind::InvalidData, "a response without content-length"))?;
    Ok((received.len() >= end).then_some(ReceivedResponse { status, body: head..end }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_read_when_it_is_complete() {
        let text = b"HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\nx: y\r\n\r\nhello";
        for end in 0..text.len() {
            assert!(parse(&text[..end]).unwrap().is_none(), "{end} bytes are not a response");
        }
        let response = parse(text).unwrap().unwrap();
        assert_eq!((response.status, &text[response.body]), (202, &b"hello"[..]));
        assert!(parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }
}
