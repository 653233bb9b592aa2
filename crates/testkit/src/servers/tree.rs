//! Signals to a process and everything it forked.

use std::process::Command;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

/// Sends `signal` to `root` first, so that it forks no more, then to all its descendants.
///
/// # Errors
/// When the processes cannot be listed or `root` cannot be signalled.
pub(crate) fn signal_tree(root: u32, signal: Signal) -> anyhow::Result<()> {
    let descendants = descendants(root)?;
    send(root, signal).with_context(|| format!("signalling process {root}"))?;
    for pid in descendants {
        // One that ended meanwhile needs no signal.
        send(pid, signal).ok();
    }
    Ok(())
}

/// Sends `signal` to one process.
pub(crate) fn send(pid: u32, signal: Signal) -> anyhow::Result<()> {
    let pid = Pid::from_raw(i32::try_from(pid)?).context("process 0 is nobody's to signal")?;
    Ok(kill_process(pid, signal)?)
}

fn descendants(root: u32) -> anyhow::Result<Vec<u32>> {
    let listing = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output().context("running ps")?;
    let pairs: Vec<(u32, u32)> = String::from_utf8_lossy(&listing.stdout).lines().filter_map(pair).collect();
    let mut family = vec![root];
    let mut seen = 0;
    while let Some(parent) = family.get(seen).copied() {
        family.extend(pairs.iter().filter(|(_, ppid)| *ppid == parent).map(|(pid, _)| *pid));
        seen += 1;
    }
    family.remove(0);
    Ok(family)
}

fn pair(line: &str) -> Option<(u32, u32)> {
    let (pid, ppid) = line.trim().split_once(char::is_whitespace)?;
    Some((pid.parse().ok()?, ppid.trim().parse().ok()?))
}
