//! The connections of a process to the broker: one for publishing and one for consuming, shared by their channels.
//!
//! RabbitMQ stops reading from connections that publish while it is short of memory or disk. A consumer on such a
//! connection could not acknowledge, and the shortage could not end.

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

/// TCP, TLS and AMQP's handshake together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// One request to the broker and its answer.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(3);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

type Opening = Shared<BoxFuture<'static, Result<Arc<OpenConnection>, QueueError>>>;

/// A connection that is opened when it is first needed, and again when it is needed after a loss. Clones share it.
#[derive(Clone)]
pub(crate) struct BrokerConnection {
    broker: Arc<BrokerAddress>,
    name: &'static str,
    opening: Arc<Mutex<Option<Opening>>>,
}

impl BrokerConnection {
    /// `name` is what the broker's own tools show.
    pub(crate) fn new(broker: Arc<BrokerAddress>, name: &'static str) -> Self {
        Self { broker, name, opening: Arc::default() }
    }

    /// The open connection. All callers that need a new one at the same time share one attempt and its result.
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
    /// Without the broker's address: it carries a password.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("BrokerConnection").field("name", &self.name).finish_non_exhaustive()
    }
}

fn open(broker: Arc<BrokerAddress>, name: &'static str) -> Opening {
    async move { OpenConnection::open(&broker, name).await.map(Arc::new) }.boxed().shared()
}

/// Whether an attempt is under way, or led to a connection that is still there.
fn is_usable(opening: &Opening) -> bool {
    opening.peek().is_none_or(|opened| opened.as_ref().is_ok_and(|connection| connection.is_open()))
}

/// An open connection. Dropping it closes the socket, whatever state the broker is in.
pub(crate) struct OpenConnection {
    connection: Connection,
    socket: Arc<SocketHandle>,
    /// Why it was lost. Marked as changed also when an alarm begins or ends.
    lost: watch::Receiver<Option<Arc<str>>>,
    /// Set once the topology was verified over this connection.
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

    /// Closes a channel, so that the broker takes back what is unacknowledged on it. The connection is given up, with
    /// the same effect, when the broker does not answer.
    pub(crate) async fn close_channel_or_disconnect(&self, channel: &OpenChannel) {
        if timeout(CALL_TIMEOUT, channel.close(200, "done".into())).await.is_err() {
            self.socket.shutdown();
        }
    }

    /// Runs `verify`, unless it has succeeded over this connection before. Callers at the same time wait for one run.
    pub(crate) async fn verify_once(
        &self,
        verify: impl Future<Output = Result<(), QueueError>>,
    ) -> Result<(), QueueError> {
        let verified = Arc::clone(&self.verified());
        verified.get_or_try_init(|| verify).await.copied()
    }

    /// Has the next [`verify_once`](Self::verify_once) verify again: a channel was lost, perhaps with its queue.
    pub(crate) fn discard_verification(&self) {
        *self.verified() = Arc::default();
    }

    fn verified(&self) -> MutexGuard<'_, Arc<OnceCell<()>>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// In a memory or disk alarm: nothing that is sent goes out, and lapin's calls wait for ever.
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
            // Before the look, so that a later change is not missed.
            changes.mark_unchanged();
            if self.is_blocked() == blocked {
                return;
            }
            if changes.changed().await.is_err() {
                // It is lost, and stays as it is.
                std::future::pending::<()>().await;
            }
        }
    }

    fn is_open(&self) -> bool {
        self.connection.status().connected() && !self.socket.is_shut_down()
    }

    /// Closes it in order, because a socket that is just shut down may take written acknowledgements with it.
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
/// lapin closes a dropped channel too, but takes a failure of that for a broken connection. It fails when the broker
/// closes the channel, or the connection is closed, at the same time.
pub(crate) struct OpenChannel(Channel);

impl Deref for OpenChannel {
    type Target = Channel;

    fn deref(&self) -> &Channel {
        &self.0
    }
}

impl Drop for OpenChannel {
    fn drop(&mut self) {
        // One poll hands the request to lapin's thread. lapin itself then does nothing for the channel.
        self.0.close(200, "done".into()).now_or_never();
    }
}

/// Hands a connection's events on to all its users: lapin gives each event to one listener only.
async fn watch_events(
    mut events: impl Stream<Item = Event> + Unpin,
    status: ConnectionStatus,
    socket: Arc<SocketHandle>,
    lost: watch::Sender<Option<Arc<str>>>,
) {
    let reason = loop {
        // It may have ended before there was a listener.
        if !status.connected() {
            break "the connection ended".to_owned();
        }
        let event = tokio::select! {
            event = events.next() => event,
            () = lost.closed() => return,
        };
        match event {
            // lapin reports the end of a single channel here too.
            Some(Event::Error(error)) if !status.connected() => break error.to_string(),
            Some(_) => _ = lost.send_replace(None),
            None => break "the connection ended".to_owned(),
        }
    };
    // lapin's thread ends with its socket only.
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
            // lapin dials on a thread of its own, which goes on after this attempt was given up.
            let dialling = plain.connect_with_config_async(TLSConfig::default(), &runtime);
            let stream = timeout(CONNECT_TIMEOUT, dialling).await.map_err(std::io::Error::from)??;
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

/// The connection's socket, held a second time: lapin's thread waits for ever for a broker that stopped answering
/// during handshake or close, and ends only with its socket.
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
            // It may be closed already.
            stream.shutdown(Shutdown::Both).ok();
        }
    }
}

/// Shuts the socket down unless connecting succeeds.
struct ConnectGuard(Option<Arc<SocketHandle>>);

impl Drop for ConnectGuard {
    fn drop(&mut self) {
        if let Some(socket) = self.0.take() {
            socket.shutdown();
        }
    }
}

/// Waits for the broker's answer, at most [`CALL_TIMEOUT`].
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
    QueueError::Unreachable("no answer in time".to_owned())
}

/// lapin's texts carry the broker's words and addresses, never credentials or payloads.
#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
pub(crate) fn unreachable(error: lapin::Error) -> QueueError {
    QueueError::Unreachable(error.to_string())
}
