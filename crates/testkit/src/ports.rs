//! Free loopback ports for servers that may be stopped and started again.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ephemeral range of Linux (32768) and macOS (49152): a client that keeps connecting to a stopped
/// server inside that range may be given the server's own port as its source, and so connect to itself.
const FIRST: u16 = 10_000;
const COUNT: u16 = 22_000;

static OFFSET: AtomicU16 = AtomicU16::new(0);

/// A loopback port nobody listens on; never the same twice in one process.
///
/// # Errors
/// When every port that may be used is taken.
pub fn free_port() -> anyhow::Result<u16> {
    // Processes that start together begin at different places.
    let start = u16::try_from(std::process::id().wrapping_mul(977) % u32::from(COUNT))?;
    for _ in 0..COUNT {
        let offset = OFFSET.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + (start.wrapping_add(offset) % COUNT);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    anyhow::bail!("no free loopback port between {FIRST} and {}", FIRST + COUNT)
}
