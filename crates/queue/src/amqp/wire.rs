//! A connection to the broker that can always be let go of.

use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::Stream;
use lapin::tcp::{AMQPUriTcpExt, AsyncTcpStream, TLSConfig};
use lapin::types::LongString;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Channel, Connection, ConnectionProperties, Event};
use tokio::time::timeout;

use crate::QueueError;
use crate::config::Broker;

/// TCP, TLS and AMQP's handshake together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// One question to the broker and its answer.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(3);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Where the broker is, and with which heartbeat to talk to it.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    uri: AMQPUri,
    authorities: Option<Arc<str>>,
}

impl Endpoint {
    pub(crate) fn new(broker: Broker, heartbeat: Duration) -> Self {
        let Broker { mut uri, authorities } = broker;
        // What the URL says goes before the configuration.
        let seconds = u16::try_from(heartbeat.as_secs()).unwrap_or(u16::MAX).max(1);
        uri.query.heartbeat.get_or_insert(seconds);
        Self { uri, authorities }
    }
}

/// An open connection. Dropping it closes the socket, whatever state the broker is in.
pub(crate) struct Wire {
    connection: Connection,
    socket: Arc<Socket>,
}

/// The connection's socket, held a second time: lapin's thread waits for ever for a broker that stopped
/// answering during handshake or close, and only an end of its socket ends it.
#[derive(Debug, Default)]
struct Socket(Mutex<Grip>);

#[derive(Debug, Default)]
struct Grip {
    stream: Option<TcpStream>,
    dropped: bool,
}

impl Socket {
    fn grip(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut grip = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if grip.dropped {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        grip.stream = Some(stream);
        Ok(())
    }

    fn cut(&self) {
        let mut grip = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        grip.dropped = true;
        if let Some(stream) = grip.stream.take() {
            // It may be closed already.
            stream.shutdown(Shutdown::Both).ok();
        }
    }
}

/// Cuts the socket unless connecting succeeds.
struct Attempt(Option<Arc<Socket>>);

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(socket) = self.0.take() {
            socket.cut();
        }
    }
}

impl Wire {
    /// Connects under `name`, which the broker's own tools show.
    pub(crate) async fn connect(endpoint: &Endpoint, name: &'static str) -> Result<Self, QueueError> {
        let socket = Arc::new(Socket::default());
        let mut attempt = Attempt(Some(Arc::clone(&socket)));
        let options = ConnectionProperties::default().with_connection_name(LongString::from(name));
        let runtime = lapin::runtime::default_runtime().map_err(unreachable)?;
        let (grip, authorities) = (Arc::clone(&socket), endpoint.authorities.clone());
        let connecting = Connection::connector(
            endpoint.uri.clone(),
            runtime,
            async move |uri: AMQPUri, runtime| {
                let plain = AMQPUri { scheme: AMQPScheme::AMQP, ..uri.clone() };
                // lapin dials on a thread of its own that outlives our giving up.
                let dialling = plain.connect_with_config_async(TLSConfig::default(), &runtime);
                let stream = timeout(CONNECT_TIMEOUT, dialling).await.map_err(std::io::Error::from)??;
                if let AsyncTcpStream::Plain(plain) = &stream {
                    grip.grip(plain.get_ref().as_fd().try_clone_to_owned()?.into())?;
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
        );
        let connected = timeout(CONNECT_TIMEOUT, connecting).await;
        let connection = connected.map_err(|_| QueueError::Unreachable("no answer in time".to_owned()))?;
        let connection = connection.map_err(unreachable)?;
        attempt.0 = None;
        Ok(Self { connection, socket })
    }

    pub(crate) async fn channel(&self) -> Result<Channel, QueueError> {
        call(self.connection.create_channel()).await
    }

    pub(crate) fn events(&self) -> impl Stream<Item = Event> + Send + Unpin + 'static {
        Box::pin(self.connection.events_listener())
    }

    /// In a memory or disk alarm: nothing that is sent goes out, and lapin's calls wait for ever.
    pub(crate) fn blocked(&self) -> bool {
        self.connection.status().blocked()
    }

    pub(crate) fn connected(&self) -> bool {
        self.connection.status().connected()
    }

    /// Says goodbye, but not for long.
    pub(crate) async fn close(self) {
        timeout(CLOSE_TIMEOUT, self.connection.close(200, "bye".into())).await.ok();
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.socket.cut();
    }
}

/// Waits for the broker's answer, but not for ever.
pub(crate) async fn call<T>(answer: impl Future<Output = lapin::Result<T>>) -> Result<T, QueueError> {
    match timeout(CALL_TIMEOUT, answer).await {
        Ok(answer) => answer.map_err(unreachable),
        Err(_) => Err(QueueError::Unreachable("no answer in time".to_owned())),
    }
}

/// Closes a channel, and returns whether the broker agreed in time.
///
/// Not left to dropping it: lapin closes a dropped channel in the background and, when the connection is being
/// closed meanwhile, takes the failure of that for a broken connection. What was written last is then lost.
pub(crate) async fn close(channel: &Channel) -> bool {
    call(channel.close(200, "done".into())).await.is_ok()
}

/// lapin's texts carry the broker's words and addresses, never credentials or payloads.
#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
pub(crate) fn unreachable(error: lapin::Error) -> QueueError {
    QueueError::Unreachable(error.to_string())
}
