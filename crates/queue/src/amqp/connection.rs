//! The connections of a process to the broker: one for publishing and one for consuming. Channels share them.
//!
//! RabbitMQ stops reading from publishing connections while it is short of memory or disk. A consumer on such
//! a connection could not acknowledge, so the shortage would not end.

use std::net::{Shutdown, TcpStream};
use std::ops::Deref;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, Shared};
use futures_util::{Stream, StreamExt};
use lapin::tcp::{AMQPUriTcpExt, AsyncTcpStream, TLSConfig};
use lapin::types::LongString;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Channel, Connection, ConnectionProperties, ConnectionStatus, Event};
use tokio::sync::{OnceCell, watch};
use tokio::time::timeout;

use super::supervise::Interruption;
use crate::config::BrokerAddress;
use crate::error::QueueError;

/// Time limit for TCP, TLS and the AMQP handshake together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time limit for a request to the broker and its response.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(10);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

type Opening = Shared<BoxFuture<'static, Result<Arc<OpenConnection>, QueueError>>>;

/// A connection that opens at its first use, and again at the next use after a loss. Clones share it.
#[derive(Clone)]
pub(crate) struct BrokerConnection {
    broker: Arc<BrokerAddress>,
    name: &'static str,
    opening: Arc<Mutex<Option<Opening>>>,
}

impl BrokerConnection {
    /// The tools of the broker show `name`.
    pub(crate) fn new(broker: Arc<BrokerAddress>, name: &'static str) -> Self {
        Self { broker, name, opening: Arc::default() }
    }

    /// Returns the open connection. Concurrent callers share one attempt to open it, and its result.
    pub(crate) async fn get(&self) -> Result<Arc<OpenConnection>, QueueError> {
        let opening = {
            let mut opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
            match opening.as_ref().filter(|opening| is_usable(opening)) {
                Some(opening) => opening.clone(),
                None => opening.insert(open(Arc::clone(&self.broker), self.name)).clone(),
            }
        };
        opening.await
    }

    pub(crate) async fn close(&self) {
        let opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Ok(connection)) = opening.as_ref().and_then(Shared::peek) {
            connection.close().await;
        }
    }
}

impl std::fmt::Debug for BrokerConnection {
    /// Omits the address of the broker, which contains a password.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("BrokerConnection").field("name", &self.name).finish_non_exhaustive()
    }
}

fn open(broker: Arc<BrokerAddress>, name: &'static str) -> Opening {
    async move { OpenConnection::open(&broker, name).await.map(Arc::new) }.boxed().shared()
}

/// Whether an attempt is running, or its connection is still open.
fn is_usable(opening: &Opening) -> bool {
    opening.peek().is_none_or(|opened| opened.as_ref().is_ok_and(|connection| connection.is_open()))
}

/// An open connection. Dropping it closes the socket, even if the broker does not answer.
pub(crate) struct OpenConnection {
    connection: Connection,
    socket: Arc<SocketHandle>,
    /// The reason of the loss. Also marked as changed when an alarm starts or ends.
    lost: watch::Receiver<Option<Arc<str>>>,
    /// Set after the topology was verified over this connection.
    verified: Mutex<Arc<OnceCell<()>>>,
}

impl OpenConnection {
    pub(crate) async fn open(broker: &BrokerAddress, name: &'static str) -> Result<Self, QueueError> {
        let socket = Arc::new(SocketHandle::default());
        let mut attempt = ConnectGuard(Some(Arc::clone(&socket)));
        let connecting = timeout(CONNECT_TIMEOUT, connect(broker, name, Arc::clone(&socket)));
        let connection = connecting.await.map_err(|_| no_answer())?.map_err(unreachable)?;
        attempt.0 = None;
        let (sender, lost) = watch::channel(None);
        let (events, status) = (Box::pin(connection.events_listener()), connection.status().clone());
        tokio::spawn(watch_events(events, status, Arc::clone(&socket), sender));
        Ok(Self { connection, socket, lost, verified: Mutex::default() })
    }

    pub(crate) async fn channel(&self) -> Result<OpenChannel, QueueError> {
        call(self.connection.create_channel()).await.map(OpenChannel)
    }

    /// Closes a channel, so that the broker requeues its unacknowledged messages. If the broker does not
    /// answer, closes the connection, which has the same effect.
    pub(crate) async fn close_channel_or_disconnect(&self, channel: &OpenChannel) {
        if timeout(CALL_TIMEOUT, channel.close(200, "done".into())).await.is_err() {
            self.socket.shutdown();
        }
    }

    /// Runs `verify`, unless it has already succeeded over this connection. Concurrent callers share one run.
    pub(crate) async fn verify_once(
        &self,
        verify: impl Future<Output = Result<(), QueueError>>,
    ) -> Result<(), QueueError> {
        let verified = Arc::clone(&self.verified());
        verified.get_or_try_init(|| verify).await.copied()
    }

    /// Makes the next [`verify_once`](Self::verify_once) verify again, after a channel was lost, perhaps
    /// because its queue was deleted.
    pub(crate) fn discard_verification(&self) {
        *self.verified() = Arc::default();
    }

    fn verified(&self) -> MutexGuard<'_, Arc<OnceCell<()>>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the broker blocks this connection in a memory or disk alarm. Calls of lapin then wait forever.
    pub(crate) fn is_blocked(&self) -> bool {
        self.connection.status().blocked()
    }

    /// Waits until an alarm ends, if there is one.
    pub(crate) async fn unblocked(&self) -> Result<(), QueueError> {
        tokio::select! {
            Interruption { reason, .. } = self.lost() => Err(QueueError::Unreachable(reason)),
            () = self.until_blocked_is(false) => Ok(()),
        }
    }

    pub(crate) async fn lost(&self) -> Interruption {
        let mut lost = self.lost.clone();
        let reason = lost.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
        Interruption::disconnected(reason.as_deref().unwrap_or("the connection ended"))
    }

    /// Waits until nothing can be published: the connection is lost, or blocked by an alarm.
    pub(crate) async fn lost_or_blocked(&self) -> Interruption {
        tokio::select! {
            lost = self.lost() => lost,
            () = self.until_blocked_is(true) => Interruption::alarm(),
        }
    }

    async fn until_blocked_is(&self, blocked: bool) {
        let mut changes = self.lost.clone();
        loop {
            // Before the check, so that a later change is not missed.
            changes.mark_unchanged();
            if self.is_blocked() == blocked {
                return;
            }
            if changes.changed().await.is_err() {
                // The connection is lost, so its state no longer changes.
                std::future::pending::<()>().await;
            }
        }
    }

    fn is_open(&self) -> bool {
        self.connection.status().connected() && !self.socket.is_shut_down()
    }

    /// Closes the connection with the AMQP handshake. Shutting down the socket alone could lose
    /// acknowledgements that are already written.
    pub(crate) async fn close(&self) {
        timeout(CLOSE_TIMEOUT, self.connection.close(200, "bye".into())).await.ok();
        self.socket.shutdown();
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.socket.shutdown();
    }
}

/// A channel that is closed when it is dropped.
///
/// lapin also closes a dropped channel, but it treats a failed close as a broken connection. A close fails if
/// the broker closes the channel, or the connection is closed, at the same time.
pub(crate) struct OpenChannel(Channel);

impl Deref for OpenChannel {
    type Target = Channel;

    fn deref(&self) -> &Channel {
        &self.0
    }
}

impl Drop for OpenChannel {
    fn drop(&mut self) {
        // One poll passes the request to the thread of lapin, which then does not close the channel itself.
        self.0.close(200, "done".into()).now_or_never();
    }
}

/// Forwards the events of a connection to all its users, because lapin gives each event to one listener only.
async fn watch_events(
    mut events: impl Stream<Item = Event> + Unpin,
    status: ConnectionStatus,
    socket: Arc<SocketHandle>,
    lost: watch::Sender<Option<Arc<str>>>,
) {
    let reason = loop {
        // The connection may have ended before the listener existed.
        if !status.connected() {
            break "the connection ended".to_owned();
        }
        let event = tokio::select! {
            event = events.next() => event,
            () = lost.closed() => return,
        };
        match event {
            // lapin also reports the end of a single channel here.
            Some(Event::Error(error)) if !status.connected() => break error.to_string(),
            Some(_) => _ = lost.send_replace(None),
            None => break "the connection ended".to_owned(),
        }
    };
    // The thread of lapin ends only when its socket is closed.
    socket.shutdown();
    lost.send_replace(Some(reason.into()));
}

async fn connect(
    broker: &BrokerAddress,
    name: &'static str,
    socket: Arc<SocketHandle>,
) -> lapin::Result<Connection> {
    let options = ConnectionProperties::default().with_connection_name(LongString::from(name));
    let (runtime, authorities) = (lapin::runtime::default_runtime()?, broker.authorities.clone());
    Connection::connector(
        broker.uri.clone(),
        runtime,
        async move |uri: AMQPUri, runtime| {
            let plain = AMQPUri { scheme: AMQPScheme::AMQP, ..uri.clone() };
            // lapin connects on its own thread, which continues after this attempt was cancelled.
            let connecting = plain.connect_with_config_async(TLSConfig::default(), &runtime);
            let stream = timeout(CONNECT_TIMEOUT, connecting).await.map_err(std::io::Error::from)??;
            if let AsyncTcpStream::Plain(plain) = &stream {
                socket.set(plain.get_ref().as_fd().try_clone_to_owned()?.into())?;
            }
            match uri.scheme {
                AMQPScheme::AMQP => Ok(stream),
                AMQPScheme::AMQPS => {
                    let tls = TLSConfig { cert_chain: authorities.as_deref(), ..TLSConfig::default() };
                    Ok(stream.into_tls(&uri.authority.host, tls).await?)
                }
            }
        },
        options,
    )
    .await
}

/// A second handle of the socket. The thread of lapin waits forever for a broker that stops answering during
/// handshake or close, and ends only when the socket is closed.
#[derive(Debug, Default)]
struct SocketHandle(Mutex<SharedSocket>);

#[derive(Debug, Default)]
struct SharedSocket {
    stream: Option<TcpStream>,
    is_shut_down: bool,
}

impl SocketHandle {
    fn set(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut socket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if socket.is_shut_down {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        socket.stream = Some(stream);
        Ok(())
    }

    fn is_shut_down(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_shut_down
    }

    fn shutdown(&self) {
        let mut socket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        socket.is_shut_down = true;
        if let Some(stream) = socket.stream.take() {
            // The socket may be closed already.
            stream.shutdown(Shutdown::Both).ok();
        }
    }
}

/// Shuts down the socket unless the attempt succeeds.
struct ConnectGuard(Option<Arc<SocketHandle>>);

impl Drop for ConnectGuard {
    fn drop(&mut self) {
        if let Some(socket) = self.0.take() {
            socket.shutdown();
        }
    }
}

/// Waits for the response of the broker, at most [`CALL_TIMEOUT`].
pub(crate) async fn call<T>(answer: impl Future<Output = lapin::Result<T>>) -> Result<T, QueueError> {
    match timeout(CALL_TIMEOUT, answer).await {
        Ok(answer) => answer.map_err(unreachable),
        Err(_) => Err(no_answer()),
    }
}

/// Closes a channel and waits until the broker has handled what was sent on it, at most [`CALL_TIMEOUT`].
pub(crate) async fn close_channel(channel: &OpenChannel) {
    call(channel.close(200, "done".into())).await.ok();
}

pub(crate) fn no_answer() -> QueueError {
    QueueError::Unreachable("no response in time".to_owned())
}

/// The texts of lapin contain replies and addresses of the broker, never credentials or payloads.
#[expect(clippy::needless_pass_by_value, reason = "used in map_err")]
pub(crate) fn unreachable(error: lapin::Error) -> QueueError {
    QueueError::Unreachable(error.to_string())
}
