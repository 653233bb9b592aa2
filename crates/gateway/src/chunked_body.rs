//! Writes large responses in chunks with a deadline, so that a client that does not read cannot pin the whole response
//! in memory.

use std::any::Any;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use crate::bulk::BulkPermit;

/// A body up to this size is written at once.
const PIECE: usize = 16 * 1024;

/// How long a client may take to read one answer, in all.
const LONGEST: Duration = Duration::from_secs(60);

/// Ends a connection whose client has read nothing for `timeout`. Where the system has no such option, only
/// [`LONGEST`] and the keep-alive bound it.
pub(crate) fn set_write_timeout(connection: &dyn Any, timeout: Duration) {
    let Some(connection) = connection.downcast_ref::<TcpStream>() else { return };
    let milliseconds = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(connection, milliseconds) {
        tracing::debug!("TCP_USER_TIMEOUT was not set: {error}");
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = (connection, milliseconds);
}

/// A body that is written in chunks.
pub(crate) struct ChunkedBody {
    left: Bytes,
    deadline: Pin<Box<Sleep>>,
    /// Given back when the answer was read or given up.
    _room: Option<BulkPermit>,
}

impl ChunkedBody {
    pub(crate) fn new(body: Bytes, room: Option<BulkPermit>) -> Self {
        // The serialized buffer may have twice the needed capacity; the copy has the exact size.
        let left = Bytes::copy_from_slice(&body);
        Self { left, deadline: Box::pin(sleep(LONGEST)), _room: room }
    }
}

/// Any body, in chunks if it is large.
pub(crate) fn in_chunks(body: impl MessageBody + 'static) -> BoxBody {
    let large = matches!(body.size(), BodySize::Sized(size) if size > PIECE.try_into().unwrap_or(u64::MAX));
    if !large {
        return body.boxed();
    }
    match body.try_into_bytes() {
        Ok(body) => ChunkedBody::new(body, None).boxed(),
        Err(body) => body.boxed(),
    }
}

impl MessageBody for ChunkedBody {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.left.len().try_into().unwrap_or(u64::MAX))
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if self.deadline.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())));
        }
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        let size = self.left.len().min(PIECE);
        Poll::Ready(Some(Ok(self.left.split_to(size))))
    }
}
