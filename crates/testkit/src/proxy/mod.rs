//! A TCP proxy that breaks connections on request.

mod relay;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

use crate::free_port;

/// The direction of a transfer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// What the proxy does with open and new connections.
///
/// Bytes that a mode holds back are not lost. They are delivered when a later mode allows it, as in a network
/// that recovers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProxyMode {
    /// Passes everything.
    Pass,
    /// Closes all connections (FIN) and refuses new ones.
    Close,
    /// Resets all connections (RST). New ones are accepted and reset.
    Reset,
    /// Passes bytes to the server and holds back its responses.
    HalfOpen,
    /// Holds back everything. New connections are accepted, but not connected to the server.
    Blackhole,
    /// Delays all bytes in both directions, without limiting the rate.
    Delay(Duration),
    /// Closes a connection after this number of bytes in this direction, counted from now or from its start.
    CloseAfter(Direction, u64),
    /// Limits each direction of each connection to this number of bytes per second.
    Throttle(u32),
}

/// A proxy on a free loopback port. Dropping it closes its connections.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    upstream: SocketAddr,
    mode: watch::Sender<ProxyMode>,
    counters: Arc<ProxyCounters>,
    acceptor: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct ProxyCounters {
    connections: AtomicU64,
    open: AtomicU64,
    to_server: AtomicU64,
    to_client: AtomicU64,
}

impl Proxy {
    /// Starts a proxy to a port of this machine, in [`ProxyMode::Pass`].
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(upstream_port: u16) -> anyhow::Result<Self> {
        let proxy = Self {
            port: free_port()?,
            upstream: SocketAddr::from((Ipv4Addr::LOCALHOST, upstream_port)),
            mode: watch::Sender::new(ProxyMode::Pass),
            counters: Arc::default(),
            acceptor: Mutex::new(None),
        };
        let acceptor = proxy.accept().await?;
        *proxy.acceptor.lock().await = Some(acceptor);
        Ok(proxy)
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes the mode. When this returns, it applies to new connections, and open ones have been notified.
    ///
    /// # Errors
    /// When another process bound the port while the proxy was closed.
    pub async fn set(&self, mode: ProxyMode) -> anyhow::Result<()> {
        let mut acceptor = self.acceptor.lock().await;
        self.mode.send_replace(mode);
        if mode == ProxyMode::Close {
            if let Some(task) = acceptor.take() {
                task.abort();
                // Waits until the listener is closed. The result is always `cancelled`.
                task.await.ok();
            }
        } else if acceptor.is_none() {
            *acceptor = Some(self.accept().await?);
        }
        Ok(())
    }

    /// The number of accepted connections.
    pub fn connections(&self) -> u64 {
        self.counters.connections.load(Ordering::SeqCst)
    }

    /// The number of open connections.
    pub fn open_connections(&self) -> u64 {
        self.counters.open.load(Ordering::SeqCst)
    }

    /// The number of bytes in this direction, over all connections.
    pub fn bytes(&self, direction: Direction) -> u64 {
        self.counters.bytes(direction).load(Ordering::SeqCst)
    }

    async fn accept(&self) -> anyhow::Result<JoinHandle<()>> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await?;
        let (upstream, counters) = (self.upstream, Arc::clone(&self.counters));
        let mode = self.mode.subscribe();
        Ok(tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let open = OpenGuard::count(&counters);
                tokio::spawn(relay::serve(client, upstream, mode.clone(), open));
            }
        }))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(task) = self.acceptor.get_mut().take() {
            task.abort();
        }
    }
}

impl ProxyCounters {
    fn bytes(&self, direction: Direction) -> &AtomicU64 {
        match direction {
            Direction::ToServer => &self.to_server,
            Direction::ToClient => &self.to_client,
        }
    }
}

/// Counts a connection as open until it is dropped.
struct OpenGuard(Arc<ProxyCounters>);

impl OpenGuard {
    fn count(counters: &Arc<ProxyCounters>) -> Self {
        counters.connections.fetch_add(1, Ordering::SeqCst);
        counters.open.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(counters))
    }
}

impl Drop for OpenGuard {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Closes the sockets with RST instead of FIN.
fn reset(streams: [Option<TcpStream>; 2]) {
    for stream in streams.into_iter().flatten() {
        // This fails if the socket is closed already.
        stream.set_zero_linger().ok();
    }
}
