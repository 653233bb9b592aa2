//! A process of the product, under a test's eyes.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::process::Signal;

use super::folder;
use crate::servers::daemon::Daemon;
use crate::servers::server_folder::ServerFolder;
use crate::servers::wait;

const NAME: &str = "process";

/// A running program whose standard output and error go to files in the log folder. It dies with this value, and
/// with the test, however that ends.
#[derive(Debug)]
pub struct TestProcess {
    daemon: Daemon,
    home: ServerFolder,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl TestProcess {
    /// Starts `command`, with its arguments and environment, as `name`, which its log files begin with. Its standard
    /// input is empty.
    ///
    /// # Errors
    /// When the program cannot be run.
    pub fn spawn(name: &str, command: &Command) -> anyhow::Result<Self> {
        let home = ServerFolder::create(NAME, None)?;
        let unique = uuid::Uuid::now_v7().simple();
        let log = |stream| folder().map(|folder| folder.join(format!("{name}-{unique}.{stream}.log")));
        let (stdout, stderr) = (log("stdout")?, log("stderr")?);
        let mut wrapped = home.command(NAME, command.get_program().as_ref())?;
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
        Ok(Self { daemon, home, stdout, stderr })
    }

    /// The id of the process.
    ///
    /// # Errors
    /// When it was killed or has been waited for.
    pub fn pid(&self) -> anyhow::Result<u32> {
        self.daemon.pid()
    }

    /// What it wrote to standard output so far.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn stdout(&self) -> anyhow::Result<String> {
        read(&self.stdout)
    }

    /// What it wrote to standard error so far.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn stderr(&self) -> anyhow::Result<String> {
        read(&self.stderr)
    }

    /// Waits, at most for `limit`, for a whole line on standard output or error that contains `text`; returns it.
    ///
    /// # Errors
    /// When the process ends before, or at the limit; with all it wrote.
    pub async fn await_line(&self, text: &str, limit: Duration) -> anyhow::Result<String> {
        let what = format!("a line with {text:?}");
        let found = wait::until(&what, limit, || async {
            let ended = self.daemon.ended()?;
            let written = self.stdout()? + &self.stderr()?;
            let whole = written.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            match (whole.into_iter().find(|line| line.contains(text)), ended) {
                (Some(line), _) => Ok(Ok(line.trim_end().to_owned())),
                (None, Some(status)) => Ok(Err(status)),
                (None, None) => bail!("it has not come"),
            }
        });
        self.explain(found.await)
    }

    /// Waits, at most for `limit`, until `GET {base}/readyz` is answered by 200.
    ///
    /// # Errors
    /// When the process ends before, or at the limit; with all it wrote.
    pub async fn await_ready(&self, base: &str, limit: Duration) -> anyhow::Result<()> {
        let url = format!("{}/readyz", base.trim_end_matches('/'));
        let http = reqwest::Client::builder().no_proxy().build()?;
        let ready = wait::until(&url, limit, || async {
            if let Some(status) = self.daemon.ended()? {
                return Ok(Err(status));
            }
            let status = http.get(&url).send().await?.status();
            ensure!(status.as_u16() == 200, "it answers {status}");
            Ok(Ok(()))
        });
        self.explain(ready.await)
    }

    /// Kills it and all it forked, with `SIGKILL`.
    ///
    /// # Errors
    /// When it was killed or has been waited for.
    pub fn kill9(&self) -> anyhow::Result<()> {
        self.daemon.kill(&self.home)
    }

    /// Stops it from running (`SIGSTOP`): its connections stay open and nothing answers.
    ///
    /// # Errors
    /// When it was killed or has been waited for.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.daemon.signal_all(Signal::STOP)
    }

    /// Lets a frozen process run on.
    ///
    /// # Errors
    /// When it was killed or has been waited for.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.daemon.signal_all(Signal::CONT)
    }

    /// Asks it to end (`SIGTERM`), without waiting.
    ///
    /// # Errors
    /// When it was killed or has been waited for.
    pub fn ask_to_end(&self) -> anyhow::Result<()> {
        self.daemon.signal(Signal::TERM)
    }

    /// Asks it to end (`SIGTERM`) and waits for that, at most for `limit`.
    ///
    /// # Errors
    /// When it still runs at the limit; with all it wrote.
    pub async fn terminate(&self, limit: Duration) -> anyhow::Result<ExitStatus> {
        self.ask_to_end()?;
        self.wait(limit).await
    }

    /// Waits until it has ended, at most for `limit`.
    ///
    /// # Errors
    /// When it still runs at the limit; with all it wrote.
    pub async fn wait(&self, limit: Duration) -> anyhow::Result<ExitStatus> {
        self.daemon.wait(&self.home, limit).await.with_context(|| self.written())
    }

    fn explain<T>(&self, result: anyhow::Result<Result<T, ExitStatus>>) -> anyhow::Result<T> {
        match result.with_context(|| self.written())? {
            Ok(value) => Ok(value),
            Err(status) => bail!("the process ended with {status}; {}", self.written()),
        }
    }

    fn written(&self) -> String {
        let (stdout, stderr) = (self.stdout().unwrap_or_default(), self.stderr().unwrap_or_default());
        format!("it wrote to standard output:\n{stdout}\nand to standard error:\n{stderr}")
    }
}

fn read(file: &PathBuf) -> anyhow::Result<String> {
    Ok(String::from_utf8_lossy(&std::fs::read(file)?).into_owned())
}
