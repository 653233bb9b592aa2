//! One server process: started, killed, frozen, stopped.

use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::Signal;

use super::process_tree::{send, signal_tree};
use super::server_folder::ServerFolder;
use super::wait;

/// A server process under its [`ServerFolder`], together with everything it forks.
#[derive(Debug)]
pub(crate) struct Daemon {
    name: &'static str,
    child: Mutex<Option<Child>>,
}

impl Daemon {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, child: Mutex::new(None) }
    }

    /// Starts `command`, which must come from [`ServerFolder::command`] under the same name.
    pub(crate) fn start(&self, mut command: Command) -> anyhow::Result<()> {
        let mut child = self.lock();
        if child.is_some() {
            bail!("{} is running already", self.name);
        }
        *child = Some(command.spawn().with_context(|| format!("starting {}", self.name))?);
        Ok(())
    }

    /// Waits until `probe` succeeds, and gives up at once when the process has ended.
    pub(crate) async fn ready<F>(&self, home: &ServerFolder, probe: impl Fn() -> F) -> anyhow::Result<()>
    where
        F: Future<Output = anyhow::Result<()>>,
    {
        let started = wait::until(self.name, Duration::from_secs(60), || async {
            if let Some(status) = self.ended()? {
                return Ok(Some(status));
            }
            probe().await.map(|()| None)
        });
        match started.await.with_context(|| format!("its last words: {}", home.log_tail(self.name)))? {
            None => Ok(()),
            Some(status) => bail!("{} ended with {status}: {}", self.name, home.log_tail(self.name)),
        }
    }

    /// Kills the process and all it forked, at once.
    pub(crate) fn kill(&self, home: &ServerFolder) -> anyhow::Result<()> {
        let mut child = self.lock();
        let mut process = child.take().with_context(|| format!("{} is not running", self.name))?;
        signal_tree(process.id(), Signal::KILL)?;
        process.wait()?;
        std::fs::remove_file(home.pid_file(self.name)).ok();
        Ok(())
    }

    /// Asks the process to end, with `signal`, and waits for it.
    pub(crate) async fn stop(&self, home: &ServerFolder, signal: Signal) -> anyhow::Result<()> {
        self.signal(signal)?;
        self.wait(home, Duration::from_secs(30)).await.map(drop)
    }

    /// Waits until the process has ended, at most for `limit`.
    pub(crate) async fn wait(&self, home: &ServerFolder, limit: Duration) -> anyhow::Result<ExitStatus> {
        let ended = || async { self.ended()?.context("it still runs") };
        let status = wait::until(&format!("{} to end", self.name), limit, ended).await?;
        self.lock().take();
        std::fs::remove_file(home.pid_file(self.name)).ok();
        Ok(status)
    }

    /// Sends a signal to the process alone.
    pub(crate) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        send(self.pid()?, signal)
    }

    /// Stops the process and all it forked from running, or lets them run on.
    pub(crate) fn signal_all(&self, signal: Signal) -> anyhow::Result<()> {
        signal_tree(self.pid()?, signal)
    }

    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        self.lock().as_ref().map(Child::id).with_context(|| format!("{} is not running", self.name))
    }

    /// How the process ended; nothing while it runs, or when nobody asks any more.
    pub(crate) fn ended(&self) -> anyhow::Result<Option<ExitStatus>> {
        self.lock().as_mut().map_or(Ok(None), |child| Ok(child.try_wait()?))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Daemon {
    /// The watchdog ends the process; somebody must take its exit status, or it stays as a zombie.
    fn drop(&mut self) {
        if let Some(mut child) = self.lock().take() {
            std::thread::spawn(move || child.wait());
        }
    }
}
