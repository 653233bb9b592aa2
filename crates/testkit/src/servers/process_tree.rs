//! Sends signals to a process and all its descendants.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// The time limit until all processes have stopped.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends `signal` to `root`, so that it does not fork any more, and then to all its descendants. After
/// [`Signal::STOP`] and [`Signal::KILL`] this returns when none of them runs any more.
///
/// # Errors
/// When the processes cannot be listed, `root` cannot be signalled, or a process does not stop.
pub(crate) fn signal_tree(root: u32, signal: Signal) -> anyhow::Result<()> {
    // After the parent was killed, its children cannot be found any more.
    let before: Vec<u32> = family(root)?.iter().map(|process| process.pid).collect();
    send(root, signal).with_context(|| format!("signalling process {root}"))?;
    let started = Instant::now();
    loop {
        let family = family(root)?;
        let after = family.iter().map(|process| process.pid);
        for pid in before.iter().copied().chain(after).filter(|pid| *pid != root) {
            // This fails if the process has ended meanwhile.
            send(pid, signal).ok();
        }
        let is_done = match signal {
            Signal::STOP => family.iter().all(ProcessEntry::is_stopped),
            Signal::KILL => {
                all()?.iter().all(|process| !before.contains(&process.pid) || process.is_stopped())
            }
            _ => true,
        };
        if is_done {
            return Ok(());
        }
        ensure!(started.elapsed() < STOP_TIMEOUT, "process {root} and its children do not stop");
    }
}

/// Sends `signal` to one process.
pub(crate) fn send(pid: u32, signal: Signal) -> anyhow::Result<()> {
    let pid = Pid::from_raw(i32::try_from(pid)?).context("process 0 cannot be signalled")?;
    Ok(kill_process(pid, signal)?)
}

struct ProcessEntry {
    pid: u32,
    parent: u32,
    state: char,
}

impl ProcessEntry {
    /// Parses a line of `ps`.
    fn read(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (pid, parent, state) = (words.next()?, words.next()?, words.next()?);
        Some(Self { pid: pid.parse().ok()?, parent: parent.parse().ok()?, state: state.chars().next()? })
    }

    /// Whether the process is stopped or has ended.
    fn is_stopped(&self) -> bool {
        matches!(self.state, 'T' | 't' | 'Z' | 'X')
    }
}

fn all() -> anyhow::Result<Vec<ProcessEntry>> {
    let listing =
        Command::new("ps").args(["-A", "-o", "pid=,ppid=,state="]).output().context("running ps")?;
    Ok(String::from_utf8_lossy(&listing.stdout).lines().filter_map(ProcessEntry::read).collect())
}

/// A process and all its descendants.
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
