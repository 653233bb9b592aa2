//! Signals to a process and everything it forked.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// Until every process has heard that it is to stop.
const STOPPED_IN: Duration = Duration::from_secs(5);

/// Sends `signal` to `root` first, so that it forks no more, then to all its descendants. With [`Signal::STOP`] and
/// [`Signal::KILL`] none of them runs any more when this returns.
///
/// # Errors
/// When the processes cannot be listed or `root` cannot be signalled, or when one of them goes on.
pub(crate) fn signal_tree(root: u32, signal: Signal) -> anyhow::Result<()> {
    // The children of a killed process are no longer found by their parent.
    let before: Vec<u32> = family(root)?.iter().map(|process| process.pid).collect();
    send(root, signal).with_context(|| format!("signalling process {root}"))?;
    let begun = Instant::now();
    loop {
        let family = family(root)?;
        let after = family.iter().map(|process| process.pid);
        for pid in before.iter().copied().chain(after).filter(|pid| *pid != root) {
            // One that ended meanwhile needs no signal.
            send(pid, signal).ok();
        }
        let is_done = match signal {
            Signal::STOP => family.iter().all(ProcessEntry::is_still),
            Signal::KILL => all()?.iter().all(|process| !before.contains(&process.pid) || process.is_still()),
            _ => true,
        };
        if is_done {
            return Ok(());
        }
        ensure!(begun.elapsed() < STOPPED_IN, "process {root} and its children do not stop");
    }
}

/// Sends `signal` to one process.
pub(crate) fn send(pid: u32, signal: Signal) -> anyhow::Result<()> {
    let pid = Pid::from_raw(i32::try_from(pid)?).context("process 0 is nobody's to signal")?;
    Ok(kill_process(pid, signal)?)
}

struct ProcessEntry {
    pid: u32,
    parent: u32,
    state: char,
}

impl ProcessEntry {
    /// A line of `ps`.
    fn read(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (pid, parent, state) = (words.next()?, words.next()?, words.next()?);
        Some(Self { pid: pid.parse().ok()?, parent: parent.parse().ok()?, state: state.chars().next()? })
    }

    /// Stopped, or at its end.
    fn is_still(&self) -> bool {
        matches!(self.state, 'T' | 't' | 'Z' | 'X')
    }
}

fn all() -> anyhow::Result<Vec<ProcessEntry>> {
    let listing =
        Command::new("ps").args(["-A", "-o", "pid=,ppid=,state="]).output().context("running ps")?;
    Ok(String::from_utf8_lossy(&listing.stdout).lines().filter_map(ProcessEntry::read).collect())
}

/// A process and all that descend from it.
fn family(root: u32) -> anyhow::Result<Vec<ProcessEntry>> {
    let (mut family, mut others): (Vec<_>, Vec<_>) =
        all()?.into_iter().partition(|process| process.pid == root);
    let mut seen = 0;
    while let Some(parent) = family.get(seen).map(|process| process.pid) {
        family.extend(others.extract_if(.., |process| process.parent == parent));
        seen += 1;
    }
    Ok(family)
}
