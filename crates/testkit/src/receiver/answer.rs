//! How a receiver answers.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How a receiver answers a request.
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
    /// By resetting the connection (RST).
    Reset,
    /// With the status line 200, and then by closing the connection.
    CloseAfterStatus,
}

impl Answer {
    /// A status without a body.
    pub fn status(status: u16) -> Self {
        Self::Response(status, Vec::new(), String::new())
    }

    /// Whether it begins with a status from 200 to 299.
    pub fn is_success(&self) -> bool {
        match self {
            Self::Response(status, ..) => (200..300).contains(status),
            Self::Drip | Self::Large | Self::CloseAfterStatus => true,
            Self::Hang | Self::Close | Self::Reset => false,
        }
    }

    /// Sends it. Returns whether the connection can be used for another request.
    pub(super) async fn send(self, stream: &mut TcpStream) -> std::io::Result<bool> {
        match self {
            Self::Response(status, headers, body) => {
                stream.write_all((head(status, body.len(), &headers) + &body).as_bytes()).await?;
            }
            Self::Large => {
                const PART: &[u8] = &[b'x'; 100_000];
                stream.write_all(head(200, 100 * PART.len(), &[]).as_bytes()).await?;
                for _ in 0..100 {
                    stream.write_all(PART).await?;
                }
            }
            Self::Drip => {
                stream.write_all(head(200, 1_000, &[]).as_bytes()).await?;
                for _ in 0..1_000 {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    stream.write_all(b"x").await?;
                }
            }
            Self::Hang => {
                // Until the client closes the connection.
                while stream.read(&mut [0; 1_024]).await? > 0 {}
                return Ok(false);
            }
            Self::CloseAfterStatus => {
                stream.write_all(head(200, 10, &[]).as_bytes()).await?;
                return Ok(false);
            }
            Self::Close => return Ok(false),
            Self::Reset => {
                stream.set_zero_linger()?;
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn head(status: u16, length: usize, headers: &[(&str, String)]) -> String {
    let mut head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n");
    headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    head + "\r\n"
}
