//! Writes large responses in chunks, and ends the connection of a client that does not take them: such a client must not
//! pin a response in memory.

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

/// A body up to this size is written at once.
const CHUNK: usize = 16 * 1024;

/// In bytes; Linux doubles it for its own needs.
const SEND_BUFFER: usize = 128 * 1024;

/// How long a client may take to read one answer, in all.
const LONGEST: Duration = Duration::from_secs(60);

/// The same for an answer that is made while it is read, such as an export.
const LONGEST_STREAM: Duration = Duration::from_secs(60 * 60);

/// A connection's socket, by which the connection can be ended while its response waits.
#[derive(Clone)]
pub(crate) struct ClientSocket {
    socket: Arc<OwnedFd>,
    /// How long a response may wait while its client reads nothing.
    write_timeout: Duration,
}

impl ClientSocket {
    /// Keeps the socket with its connection, and bounds what the kernel holds for the client. The kernel also limits how
    /// long a small response waits, where it has an option for that.
    pub(crate) fn store_socket(connection: &dyn Any, extensions: &mut Extensions, write_timeout: Duration) {
        let Some(connection) = connection.downcast_ref::<TcpStream>() else { return };
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            let milliseconds = u32::try_from(write_timeout.as_millis()).unwrap_or(u32::MAX);
            if let Err(error) = sockopt::set_tcp_user_timeout(connection, milliseconds) {
                tracing::debug!("TCP_USER_TIMEOUT was not set: {error}");
            }
        }
        // With a small buffer, a client that reads slowly but steadily lets the next chunk go out soon.
        if let Err(error) = sockopt::set_socket_send_buffer_size(connection, SEND_BUFFER) {
            tracing::debug!("the send buffer of a connection was not set: {error}");
        }
        match connection.as_fd().try_clone_to_owned() {
            Ok(socket) => _ = extensions.insert(Self { socket: Arc::new(socket), write_timeout }),
            Err(error) => {
                tracing::warn!("a connection is refused, because its socket cannot be duplicated: {error}");
                shutdown(connection, Shutdown::Both).ok();
            }
        }
    }

    /// Drops what the kernel still holds for the client.
    fn reset(&self) {
        // An error means that the connection has ended already.
        sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO)).ok();
        shutdown(&self.socket, Shutdown::Both).ok();
    }
}

/// A body that is written in chunks.
pub(crate) struct ChunkedBody {
    left: Bytes,
    /// Given back when the answer was read or given up.
    _room: Option<BulkPermit>,
}

impl ChunkedBody {
    pub(crate) fn new(body: Bytes, room: Option<BulkPermit>) -> Self {
        // The serialized buffer may have twice the needed capacity; the copy has the exact size.
        Self { left: Bytes::copy_from_slice(&body), _room: room }
    }
}

impl MessageBody for ChunkedBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.left.len().try_into().unwrap_or(u64::MAX))
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        let size = self.left.len().min(CHUNK);
        Poll::Ready(Some(Ok(self.left.split_to(size))))
    }
}

/// Any body, in chunks and with a time limit if it is large.
pub(crate) fn in_chunks(body: impl MessageBody + 'static, socket: Option<ClientSocket>) -> BoxBody {
    let longest = match body.size() {
        BodySize::Sized(size) if size > CHUNK.try_into().unwrap_or(u64::MAX) => LONGEST,
        BodySize::Stream => LONGEST_STREAM,
        BodySize::None | BodySize::Sized(_) => return body.boxed(),
    };
    let chunks = match body.try_into_bytes() {
        Ok(body) => ChunkedBody::new(body, None).boxed(),
        Err(body) => body.boxed(),
    };
    match socket {
        Some(socket) => TimedBody::new(chunks, socket, longest).boxed(),
        None => chunks,
    }
}

/// A body whose connection ends when no chunk was taken for the write time-out, or when it has taken the longest time.
///
/// A task of its own measures that: while the connection's buffer is full, the body is not asked for chunks.
struct TimedBody {
    body: BoxBody,
    /// Notified of each chunk.
    taken: Arc<Notify>,
    timer: JoinHandle<()>,
}

impl TimedBody {
    fn new(body: BoxBody, socket: ClientSocket, longest: Duration) -> Self {
        let taken = Arc::<Notify>::default();
        let timer = tokio::spawn(reset_after_timeout(socket, Arc::clone(&taken), longest));
        Self { body, taken, timer }
    }
}

async fn reset_after_timeout(socket: ClientSocket, taken: Arc<Notify>, longest: Duration) {
    // Two halves, so that a machine that stood still for the whole time has a moment to hand out the next chunk.
    let waits = || timeout(socket.write_timeout / 2, taken.notified());
    let taking = async { while waits().await.is_ok() || waits().await.is_ok() {} };
    // Either time-out means that the client is too slow.
    timeout(longest, taking).await.ok();
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
        self.taken.notify_one();
        Pin::new(&mut self.body).poll_next(context)
    }
}

impl Drop for TimedBody {
    fn drop(&mut self) {
        self.timer.abort();
    }
}
