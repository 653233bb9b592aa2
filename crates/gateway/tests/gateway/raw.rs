//! Raw requests that HTTP client libraries do not send.

use std::net::SocketAddr;

use reqwest::header::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::world::{Answer, PATIENCE};

/// Sends bytes and reads the response until the gateway closes. `None` if it closes without a response.
pub(crate) async fn exchange(address: SocketAddr, request: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The gateway may close before everything is sent.
    let _ = stream.write_all(request).await;
    read(stream).await
}

/// Like [`exchange`], and shuts down the sending side after the request.
pub(crate) async fn exchange_and_finish(address: SocketAddr, request: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(request).await;
    let _ = stream.shutdown().await;
    read(stream).await
}

/// Sends requests and reads all responses until the gateway closes.
pub(crate) async fn exchange_all(address: SocketAddr, requests: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (mut receiving, mut sending) = stream.split();
    let mut answers = String::new();
    let (sent, received) =
        tokio::join!(sending.write_all(requests.as_bytes()), receiving.read_to_string(&mut answers));
    sent.unwrap();
    received.unwrap();
    answers
}

async fn read(mut stream: TcpStream) -> Option<Answer> {
    let mut response = Vec::new();
    let mut chunk = [0; 4_096];
    // Until the first response is complete, or the connection ends.
    loop {
        let read = timeout(PATIENCE, stream.read(&mut chunk))
            .await
            .expect("a response, or the end of the connection");
        match read {
            Ok(0) | Err(_) => break,
            Ok(count) => response.extend_from_slice(&chunk[..count]),
        }
        if is_complete(&response) {
            break;
        }
    }
    parse(&response)
}

fn is_complete(response: &[u8]) -> bool {
    let text = String::from_utf8_lossy(response);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length =
        head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    !head.starts_with("HTTP/1.1 100") && length.is_some_and(|length: usize| body.len() >= length)
}

fn parse(response: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(response);
    let text = text.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(&text);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        headers.append(name.parse::<reqwest::header::HeaderName>().unwrap(), value.parse().unwrap());
    }
    Some(Answer { status, headers, body: serde_json::from_str(body).unwrap_or_else(|_| body.into()) })
}
