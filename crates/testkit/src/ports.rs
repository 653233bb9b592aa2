//! Free loopback ports for servers that may be stopped and started again.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ephemeral ports of Linux (from 32768) and macOS (from 49152). A client that retries to connect
/// to a stopped server on an ephemeral port can get the same port as its source, and connect to itself.
const FIRST: u16 = 10_000;
const COUNT: u16 = 22_000;

static OFFSET: AtomicU16 = AtomicU16::new(0);

/// A free loopback port. One process never gets the same port twice.
///
/// # Errors
/// When all ports of the range are in use.
pub fn free_port() -> anyhow::Result<u16> {
    // Processes that start at the same time begin at different ports.
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
