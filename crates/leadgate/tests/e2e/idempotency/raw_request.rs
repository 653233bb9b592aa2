//! A request that is written byte by byte on a separate connection. It can stop at any byte, and its response
//! need not be read.

use std::io;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub struct RawRequest {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl RawRequest {
    /// Connects and sends the request without its last `remaining` bytes.
    pub async fn send_all_but(
        remaining: usize,
        base: &str,
        key: &str,
        idempotency: &str,
        body: &str,
    ) -> io::Result<Self> {
        let host = base.strip_prefix("http://").unwrap();
        let mut request = format!(
            "POST /v1/leads HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\n\
             idempotency-key: {idempotency}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
        .into_bytes();
        let rest = request.split_off(request.len() - remaining);
        let mut stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        stream.write_all(&request).await?;
        Ok(Self { stream, rest })
    }

    pub async fn finish(&mut self) -> io::Result<()> {
        self.stream.write_all(&std::mem::take(&mut self.rest)).await
    }

    /// Reads the status and body of the response. Fails if the response is incomplete.
    pub async fn answer(mut self) -> io::Result<(u16, Value)> {
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).await?;
        let parse_response = || {
            let (head, body) = answer.split_once("\r\n\r\n")?;
            Some((head.split(' ').nth(1)?.parse().ok()?, serde_json::from_str(body).ok()?))
        };
        parse_response().ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}
