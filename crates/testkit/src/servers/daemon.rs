//! Starts, suspends, stops and kills one server process.

use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::Signal;

use super::process_tree::{send, signal_tree};
use super::server_folder::ServerFolder;
use super::wait;

/// A server process with its descendants. Its files are in its [`ServerFolder`].
#[derive(Debug)]
pub(crate) struct Daemon {
    name: &'static str,
    child: Mutex<Option<Child>>,
}

impl Daemon {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, child: Mutex::new(None) }
    }

    /// Starts `command`, which must come from [`ServerFolder::command`] with the same name.
    pub(crate) fn start(&self, mut command: Command) -> anyhow::Result<()> {
        let mut child = self.lock();
        if child.is_some() {
            bail!("{} is running already", self.name);
        }
        *child = Some(command.spawn().with_context(|| format!("starting {}", self.name))?);
        Ok(())
    }

    /// Waits until `probe` succeeds. Fails at once when the process has ended.
    pub(crate) async fn ready<F>(
        &self,
        server_folder: &ServerFolder,
        probe: impl Fn() -> F,
    ) -> anyhow::Result<()>
    where
        F: Future<Output = anyhow::Result<()>>,
    {
        let ready = wait::until(self.name, Duration::from_secs(180), || async {
            if let Some(status) = self.ended()? {
                return Ok(Some(status));
            }
            probe().await.map(|()| None)
        });
        match ready
            .await
            .with_context(|| format!("its last log lines: {}", server_folder.log_tail(self.name)))?
        {
            None => Ok(()),
            Some(status) => bail!("{} ended with {status}: {}", self.name, server_folder.log_tail(self.name)),
        }
    }

    /// Kills the process and all its descendants.
    pub(crate) fn kill(&self, server_folder: &ServerFolder) -> anyhow::Result<()> {
        let mut child = self.lock();
        let mut process = child.take().with_context(|| format!("{} is not running", self.name))?;
        signal_tree(process.id(), Signal::KILL)?;
        process.wait()?;
        std::fs::remove_file(server_folder.pid_file(self.name)).ok();
        Ok(())
    }

    /// Sends `signal` and waits until the process has ended.
    pub(crate) async fn stop(&self, server_folder: &ServerFolder, signal: Signal) -> anyhow::Result<()> {
        self.signal(signal)?;
        self.wait(server_folder, Duration::from_secs(120)).await.map(drop)
    }

    /// Waits at most `limit` until the process has ended.
    pub(crate) async fn wait(
        &self,
        server_folder: &ServerFolder,
        limit: Duration,
    ) -> anyhow::Result<ExitStatus> {
        let ended = || async { self.ended()?.context("it still runs") };
        let status = wait::until(&format!("{} to end", self.name), limit, ended).await?;
        self.lock().take();
        std::fs::remove_file(server_folder.pid_file(self.name)).ok();
        Ok(status)
    }

    /// Sends a signal to the process only.
    pub(crate) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        send(self.pid()?, signal)
    }

    /// Sends a signal to the process and all its descendants.
    pub(crate) fn signal_all(&self, signal: Signal) -> anyhow::Result<()> {
        signal_tree(self.pid()?, signal)
    }

    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        self.lock().as_ref().map(Child::id).with_context(|| format!("{} is not running", self.name))
    }

    /// The exit status of the process; `None` while it runs, and after it was killed or waited for.
    pub(crate) fn ended(&self) -> anyhow::Result<Option<ExitStatus>> {
        self.lock().as_mut().map_or(Ok(None), |child| Ok(child.try_wait()?))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Daemon {
    /// The watchdog ends the process. This thread reads its exit status, so that it does not stay a zombie.
    fn drop(&mut self) {
        if let Some(mut child) = self.lock().take() {
            std::thread::spawn(move || child.wait());
        }
    }
}
