//! Writes large responses in chunks, and closes the connection of a client that does not read them. Such a
//! client must not keep a response in memory.

use std::any::Any;
use std::convert::Infallible;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::Extensions;
use bytes::Bytes;
use rustix::net::{Shutdown, shutdown, sockopt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::bulk_memory::BulkPermit;

/// In bytes. A smaller body is written as one chunk.
const CHUNK: usize = 16 * 1024;

/// In bytes. Linux doubles the value for its own bookkeeping.
const SEND_BUFFER: usize = 128 * 1024;

/// The maximum time in which a client must read one whole response.
const MAX_RESPONSE_TIME: Duration = Duration::from_secs(60);

/// The same for a response that is generated while it is read, such as an export.
const MAX_STREAM_TIME: Duration = Duration::from_secs(60 * 60);

/// The socket of a connection, with which the connection can be closed while a response is being written.
#[derive(Clone)]
pub(crate) struct ClientSocket {
    socket: Arc<OwnedFd>,
    /// How long a response may wait while the client reads nothing.
    write_timeout: Duration,
}

impl ClientSocket {
    /// Stores the socket with its connection, and limits the kernel's send buffer. On Linux the kernel also
    /// limits how long a small response waits (`TCP_USER_TIMEOUT`).
    pub(crate) fn store_socket(connection: &dyn Any, extensions: &mut Extensions, write_timeout: Duration) {
        let Some(connection) = connection.downcast_ref::<TcpStream>() else { return };
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            let milliseconds = u32::try_from(write_timeout.as_millis()).unwrap_or(u32::MAX);
            if let Err(error) = sockopt::set_tcp_user_timeout(connection, milliseconds) {
                tracing::debug!("TCP_USER_TIMEOUT cannot be set: {error}");
            }
        }
        // With a small buffer, a client that reads slowly but steadily is soon ready for the next chunk.
        if let Err(error) = sockopt::set_socket_send_buffer_size(connection, SEND_BUFFER) {
            tracing::debug!("the send buffer of a connection cannot be set: {error}");
        }
        match connection.as_fd().try_clone_to_owned() {
            Ok(socket) => _ = extensions.insert(Self { socket: Arc::new(socket), write_timeout }),
            Err(error) => {
                tracing::warn!("connection refused: its socket cannot be duplicated: {error}");
                shutdown(connection, Shutdown::Both).ok();
            }
        }
    }

    /// Closes the connection and discards the data in the kernel's send buffer.
    fn reset(&self) {
        // An error means that the connection is already closed.
        sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO)).ok();
        shutdown(&self.socket, Shutdown::Both).ok();
    }
}

/// A body that is written in chunks.
pub(crate) struct ChunkedBody {
    rest: Bytes,
    /// Released when the response was read, or when the connection is closed.
    _permit: Option<BulkPermit>,
}

impl ChunkedBody {
    pub(crate) fn new(body: Bytes, permit: Option<BulkPermit>) -> Self {
        // The serialized buffer may have twice the needed capacity. The copy has the exact size.
        Self { rest: Bytes::copy_from_slice(&body), _permit: permit }
    }
}

impl MessageBody for ChunkedBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.rest.len().try_into().unwrap_or(u64::MAX))
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let size = self.rest.len().min(CHUNK);
        Poll::Ready(Some(Ok(self.rest.split_to(size))))
    }
}

/// Any body, in chunks and with a time limit if it is large.
pub(crate) fn in_chunks(body: impl MessageBody + 'static, socket: Option<ClientSocket>) -> BoxBody {
    let max_time = match body.size() {
        BodySize::Sized(size) if size > CHUNK.try_into().unwrap_or(u64::MAX) => MAX_RESPONSE_TIME,
        BodySize::Stream => MAX_STREAM_TIME,
        BodySize::None | BodySize::Sized(_) => return body.boxed(),
    };
    let chunks = match body.try_into_bytes() {
        Ok(body) => ChunkedBody::new(body, None).boxed(),
        Err(body) => body.boxed(),
    };
    match socket {
        Some(socket) => TimedBody::new(chunks, socket, max_time).boxed(),
        None => chunks,
    }
}

/// A body with two time limits: the time between two chunks (the write timeout) and the time for the whole
/// body. At the end of either one the connection is closed.
///
/// A separate task measures the time, because the body is not polled while the buffer of the connection is
/// full.
struct TimedBody {
    body: BoxBody,
    /// Notified for each chunk.
    chunk_sent: Arc<Notify>,
    timer: JoinHandle<()>,
}

impl TimedBody {
    fn new(body: BoxBody, socket: ClientSocket, max_time: Duration) -> Self {
        let chunk_sent = Arc::<Notify>::default();
        let timer = tokio::spawn(reset_after_timeout(socket, Arc::clone(&chunk_sent), max_time));
        Self { body, chunk_sent, timer }
    }
}

async fn reset_after_timeout(socket: ClientSocket, chunk_sent: Arc<Notify>, max_time: Duration) {
    // The timeout is waited for in two halves. After a pause of the whole machine, the second half leaves
    // time to send the next chunk.
    let next_chunk = || timeout(socket.write_timeout / 2, chunk_sent.notified());
    let sending = async { while next_chunk().await.is_ok() || next_chunk().await.is_ok() {} };
    // Either timeout means that the client is too slow.
    timeout(max_time, sending).await.ok();
    metrics::counter!("leadgate_gateway_slow_clients_total").increment(1);
    socket.reset();
}

impl MessageBody for TimedBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.chunk_sent.notify_one();
        Pin::new(&mut self.body).poll_next(context)
    }
}

impl Drop for TimedBody {
    fn drop(&mut self) {
        self.timer.abort();
    }
}
