//! Runs a process of the product in a test.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::process::Signal;

use super::folder;
use crate::http_client;
use crate::servers::daemon::Daemon;
use crate::servers::server_folder::ServerFolder;
use crate::servers::wait;

const NAME: &str = "process";

/// A running program. Its standard output and error are written to files in the log folder. It is killed when
/// this value is dropped, and when the test process ends for any reason.
#[derive(Debug)]
pub struct TestProcess {
    daemon: Daemon,
    server_folder: ServerFolder,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl TestProcess {
    /// Starts `command` with its arguments and environment. The names of its log files start with `name`. Its
    /// standard input is empty.
    ///
    /// # Errors
    /// When the program cannot be run.
    pub fn spawn(name: &str, command: &Command) -> anyhow::Result<Self> {
        let server_folder = ServerFolder::create(NAME, None)?;
        let unique = uuid::Uuid::now_v7().simple();
        let log = |stream| folder().map(|folder| folder.join(format!("{name}-{unique}.{stream}.log")));
        let (stdout, stderr) = (log("stdout")?, log("stderr")?);
        let mut wrapped = server_folder.command(NAME, command.get_program().as_ref())?;
        wrapped.args(command.get_args()).stdout(File::create(&stdout)?).stderr(File::create(&stderr)?);
        for (variable, value) in command.get_envs() {
            match value {
                Some(value) => wrapped.env(variable, value),
                None => wrapped.env_remove(variable),
            };
        }
        wrapped.current_dir(match command.get_current_dir() {
            Some(folder) => folder.to_path_buf(),
            None => std::env::current_dir()?,
        });
        let daemon = Daemon::new(NAME);
        daemon.start(wrapped)?;
        Ok(Self { daemon, server_folder, stdout, stderr })
    }

    /// The process id.
    ///
    /// # Errors
    /// When the process was killed or has been waited for.
    pub fn pid(&self) -> anyhow::Result<u32> {
        self.daemon.pid()
    }

    /// The standard output so far.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn stdout(&self) -> anyhow::Result<String> {
        read(&self.stdout)
    }

    /// The standard error so far.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn stderr(&self) -> anyhow::Result<String> {
        read(&self.stderr)
    }

    /// Waits at most `limit` for a complete line on standard output or error that contains `text`, and
    /// returns it.
    ///
    /// # Errors
    /// When the process ends, or at the limit. The error contains the output.
    pub async fn await_line(&self, text: &str, limit: Duration) -> anyhow::Result<String> {
        let what = format!("a line with {text:?}");
        let line = wait::until(&what, limit, || async {
            let ended = self.daemon.ended()?;
            let output = self.stdout()? + &self.stderr()?;
            let mut complete = output.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            match (complete.find(|line| line.contains(text)), ended) {
                (Some(line), _) => Ok(Ok(line.trim_end().to_owned())),
                (None, Some(status)) => Ok(Err(status)),
                (None, None) => bail!("the line was not written"),
            }
        });
        self.with_output(line.await)
    }

    /// Waits at most `limit` until `GET {base}/readyz` returns 200.
    ///
    /// # Errors
    /// When the process ends, or at the limit. The error contains the output.
    pub async fn await_ready(&self, base: &str, limit: Duration) -> anyhow::Result<()> {
        let url = format!("{}/readyz", base.trim_end_matches('/'));
        let http = http_client();
        let ready = wait::until(&url, limit, || async {
            if let Some(status) = self.daemon.ended()? {
                return Ok(Err(status));
            }
            let status = http.get(&url).send().await?.status();
            ensure!(status.as_u16() == 200, "the response is {status}");
            Ok(Ok(()))
        });
        self.with_output(ready.await)
    }

    /// Kills the process and all its descendants (`SIGKILL`).
    ///
    /// # Errors
    /// When the process was killed or has been waited for.
    pub fn kill9(&self) -> anyhow::Result<()> {
        self.daemon.kill(&self.server_folder)
    }

    /// Suspends the process (`SIGSTOP`). Its connections stay open, and it does not respond.
    ///
    /// # Errors
    /// When the process was killed or has been waited for.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.daemon.signal_all(Signal::STOP)
    }

    /// Resumes a suspended process (`SIGCONT`).
    ///
    /// # Errors
    /// When the process was killed or has been waited for.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.daemon.signal_all(Signal::CONT)
    }

    /// Sends `SIGTERM` and does not wait.
    ///
    /// # Errors
    /// When the process was killed or has been waited for.
    pub fn ask_to_end(&self) -> anyhow::Result<()> {
        self.daemon.signal(Signal::TERM)
    }

    /// Sends `SIGTERM` and waits at most `limit` until the process has ended.
    ///
    /// # Errors
    /// When the process still runs at the limit. The error contains the output.
    pub async fn terminate(&self, limit: Duration) -> anyhow::Result<ExitStatus> {
        self.ask_to_end()?;
        self.wait(limit).await
    }

    /// Waits at most `limit` until the process has ended.
    ///
    /// # Errors
    /// When the process still runs at the limit. The error contains the output.
    pub async fn wait(&self, limit: Duration) -> anyhow::Result<ExitStatus> {
        self.daemon.wait(&self.server_folder, limit).await.with_context(|| self.output())
    }

    fn with_output<T>(&self, result: anyhow::Result<Result<T, ExitStatus>>) -> anyhow::Result<T> {
        match result.with_context(|| self.output())? {
            Ok(value) => Ok(value),
            Err(status) => bail!("the process ended with {status}; {}", self.output()),
        }
    }

    fn output(&self) -> String {
        let (stdout, stderr) = (self.stdout().unwrap_or_default(), self.stderr().unwrap_or_default());
        format!("standard output:\n{stdout}\nstandard error:\n{stderr}")
    }
}

fn read(file: &PathBuf) -> anyhow::Result<String> {
    Ok(String::from_utf8_lossy(&std::fs::read(file)?).into_owned())
}
