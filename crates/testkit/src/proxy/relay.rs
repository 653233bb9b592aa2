//! Relays one proxied connection.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::{Direction, OpenGuard, ProxyMode, reset};

/// A chunk and the time when it is to be delivered.
type Chunk = (Instant, Vec<u8>);
type Modes = watch::Receiver<ProxyMode>;

/// Relays a connection until the client, the server or the mode closes it.
pub(super) async fn serve(mut client: TcpStream, upstream: SocketAddr, modes: Modes, open: OpenGuard) {
    let mut server = None;
    let relayed = async {
        wait_for(&mut modes.clone(), |mode| mode != ProxyMode::Blackhole).await;
        let server = server.insert(TcpStream::connect(upstream).await?);
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::try_join!(
            pump(from_client, to_server, Direction::ToServer, modes.clone(), &open),
            pump(from_server, to_client, Direction::ToClient, modes.clone(), &open),
        )
    };
    let mut ending = modes.clone();
    tokio::select! {
        // If one side fails, both are closed.
        _ = relayed => {}
        mode = wait_for(&mut ending, |mode| matches!(mode, ProxyMode::Close | ProxyMode::Reset)) => {
            if mode == Some(ProxyMode::Reset) {
                reset([Some(client), server]);
            }
        }
    }
}

/// Waits for a mode that satisfies the condition; `None` if the proxy was dropped.
async fn wait_for(modes: &mut Modes, condition: impl Fn(ProxyMode) -> bool) -> Option<ProxyMode> {
    modes.wait_for(|mode| condition(*mode)).await.ok().map(|mode| *mode)
}

/// Relays one direction: reads without delay, and delivers as the mode requires.
async fn pump(
    from: ReadHalf<'_>,
    to: WriteHalf<'_>,
    direction: Direction,
    modes: Modes,
    open: &OpenGuard,
) -> std::io::Result<()> {
    let (sender, receiver) = mpsc::channel(64);
    let deliver = ChunkWriter { to, direction, modes: modes.clone(), open, passed: 0 };
    tokio::try_join!(read(from, direction, modes, sender), deliver.run(receiver)).map(drop)
}

async fn read(
    mut from: ReadHalf<'_>,
    direction: Direction,
    mut modes: Modes,
    sender: mpsc::Sender<Chunk>,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        wait_for(&mut modes, |mode| passes(mode, direction)).await;
        let length = tokio::select! {
            length = from.read(&mut buffer) => length?,
            // Bytes that arrive after a change are subject to the new mode.
            Ok(()) = modes.changed() => continue,
        };
        let delay = if let ProxyMode::Delay(delay) = *modes.borrow() { delay } else { Duration::ZERO };
        let chunk = buffer.iter().take(length).copied().collect();
        if length == 0 || sender.send((Instant::now() + delay, chunk)).await.is_err() {
            return Ok(());
        }
    }
}

fn passes(mode: ProxyMode, direction: Direction) -> bool {
    match mode {
        ProxyMode::Blackhole => false,
        ProxyMode::HalfOpen => direction == Direction::ToServer,
        _ => true,
    }
}

struct ChunkWriter<'a> {
    to: WriteHalf<'a>,
    direction: Direction,
    modes: Modes,
    open: &'a OpenGuard,
    /// The bytes delivered since the mode was set.
    passed: u64,
}

impl ChunkWriter<'_> {
    async fn run(mut self, mut receiver: mpsc::Receiver<Chunk>) -> std::io::Result<()> {
        while let Some((due, chunk)) = receiver.recv().await {
            sleep_until(due).await;
            self.deliver(&chunk).await?;
        }
        // The other direction stays open.
        self.to.shutdown().await
    }

    async fn deliver(&mut self, mut rest: &[u8]) -> std::io::Result<()> {
        while !rest.is_empty() {
            let mode = self.passing_mode().await?;
            let (piece, remaining) = rest.split_at(self.allowance(mode, rest.len())?);
            self.to.write_all(piece).await?;
            let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            self.open.0.bytes(self.direction).fetch_add(length, Ordering::SeqCst);
            self.passed += length;
            if let ProxyMode::Throttle(rate) = mode {
                sleep(Duration::from_secs(length) / rate.max(1)).await;
            }
            rest = remaining;
        }
        Ok(())
    }

    async fn passing_mode(&mut self) -> std::io::Result<ProxyMode> {
        loop {
            if self.modes.has_changed().unwrap_or(false) {
                self.passed = 0;
            }
            let mode = *self.modes.borrow_and_update();
            if passes(mode, self.direction) {
                return Ok(mode);
            }
            self.modes.changed().await.map_err(|_| std::io::ErrorKind::ConnectionAborted)?;
            self.passed = 0;
        }
    }

    /// How many of `length` bytes may be delivered now.
    fn allowance(&self, mode: ProxyMode, length: usize) -> std::io::Result<usize> {
        let limit = match mode {
            ProxyMode::CloseAfter(direction, limit) if direction == self.direction => {
                match limit.saturating_sub(self.passed) {
                    0 => return Err(std::io::ErrorKind::ConnectionAborted.into()),
                    remaining => remaining,
                }
            }
            ProxyMode::Throttle(rate) => u64::from(rate / 20).max(1),
            _ => return Ok(length),
        };
        Ok(usize::try_from(limit).map_or(length, |limit| limit.min(length)))
    }
}
