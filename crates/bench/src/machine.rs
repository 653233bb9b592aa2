//! What the figures depend on: the machine and the checkout.

use std::io::{Seek, SeekFrom, Write};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context as _;

const SYNCS: u32 = 200;
const BLOCK: [u8; 4_096] = [7; 4_096];

/// The mean time of an `fdatasync` after 4 kB, in the folder of temporary files, which the servers use too.
pub(crate) fn sync_time() -> anyhow::Result<Duration> {
    let mut file = tempfile::tempfile()?;
    let started = Instant::now();
    for _ in 0..SYNCS {
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&BLOCK)?;
        file.sync_data()?;
    }
    Ok(started.elapsed() / SYNCS)
}

pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// `git describe` of the current folder.
pub(crate) fn commit() -> String {
    let output = Command::new("git").args(["describe", "--always", "--dirty", "--abbrev=10"]).output();
    let text = output.ok().filter(|output| output.status.success());
    let text = text.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|| "unknown".to_owned())
}

/// The highest resident memory of a process so far, in MB.
pub(crate) fn peak_memory_mb(pid: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("reading /proc")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM in /proc")?;
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes / 1_024.0)
}
