//! A private Redis.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, ensure};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::daemon::Daemon;
use super::programs;
use super::server_folder::ServerFolder;
use crate::free_port;
use crate::tls::ServerCertificate;

const NAME: &str = "redis";

/// A Redis server without persistence: what it held is gone once it ends.
#[derive(Clone, Debug)]
pub struct RedisServer {
    url: String,
    private: Option<Arc<PrivateRedis>>,
}

#[derive(Debug)]
struct PrivateRedis {
    daemon: Daemon,
    home: ServerFolder,
    program: PathBuf,
    port: u16,
    tls: Option<u16>,
}

impl RedisServer {
    /// Starts a private server.
    ///
    /// # Errors
    /// When Redis is not installed or does not come up; the message has its last log lines.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(None).await
    }

    /// Starts a private server with a second port, for TLS.
    ///
    /// # Errors
    /// As [`RedisServer::start`].
    pub async fn start_with_tls(certificate: &ServerCertificate) -> anyhow::Result<Self> {
        Self::start_with(Some(certificate)).await
    }

    async fn start_with(certificate: Option<&ServerCertificate>) -> anyhow::Result<Self> {
        let port = free_port()?;
        let home = ServerFolder::create(NAME, None)?;
        let tls = match certificate {
            Some(ServerCertificate { certificate, key }) => {
                home.write("server.pem", certificate)?;
                home.write("server.key", key)?;
                Some(free_port()?)
            }
            None => None,
        };
        let private =
            PrivateRedis { daemon: Daemon::new(NAME), home, program: programs::redis()?, port, tls };
        private.launch().await?;
        Ok(Self { url: format!("redis://127.0.0.1:{port}/"), private: Some(Arc::new(private)) })
    }

    /// A server that somebody else started, and that is not to be broken.
    pub(crate) fn at(url: String) -> Self {
        Self { url, private: None }
    }

    /// The server's address, `redis://127.0.0.1:<port>/`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The server's port.
    ///
    /// # Errors
    /// When the address has none.
    pub fn port(&self) -> anyhow::Result<u16> {
        reqwest::Url::parse(&self.url)?.port().context("the address has no port")
    }

    /// The port for TLS.
    ///
    /// # Errors
    /// When the server was started without.
    pub fn tls_port(&self) -> anyhow::Result<u16> {
        self.private()?.tls.context("this Redis has no port for TLS")
    }

    /// The address, and a key prefix nobody else has.
    pub fn url_with_prefix(&self) -> (String, String) {
        (self.url.clone(), format!("test-{}:", uuid::Uuid::now_v7().simple()))
    }

    /// Sends one inline command (`FLUSHALL`, `SCRIPT FLUSH`, `KEYS *`) and returns the start of the raw answer.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn command(&self, line: &str) -> anyhow::Result<String> {
        ask(self.port()?, line).await
    }

    /// Kills the server with `SIGKILL`.
    ///
    /// # Errors
    /// When it is not running, or not private.
    pub fn kill(&self) -> anyhow::Result<()> {
        let private = self.private()?;
        private.daemon.kill(&private.home)
    }

    /// Stops the process from running (`SIGSTOP`): connections stay open and nothing answers.
    ///
    /// # Errors
    /// When it is not running, or not private.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.private()?.daemon.signal_all(Signal::STOP)
    }

    /// Lets a frozen server run on.
    ///
    /// # Errors
    /// When it is not running, or not private.
    pub fn thaw(&self) -> anyhow::Result<()> {
        self.private()?.daemon.signal_all(Signal::CONT)
    }

    /// Ends the server in order, and waits for that.
    ///
    /// # Errors
    /// When it is not running, not private, or does not end within 30 s.
    pub async fn stop(&self) -> anyhow::Result<()> {
        let private = self.private()?;
        private.daemon.stop(&private.home, Signal::TERM).await
    }

    /// Starts a killed or stopped server on the same port, empty.
    ///
    /// # Errors
    /// When it runs, is not private, or does not come up.
    pub async fn start_again(&self) -> anyhow::Result<()> {
        self.private()?.launch().await
    }

    /// Stops the server in order and starts it on the same port, empty.
    ///
    /// # Errors
    /// As [`RedisServer::stop`] and [`RedisServer::start_again`].
    pub async fn restart(&self) -> anyhow::Result<()> {
        self.stop().await?;
        self.start_again().await
    }

    fn private(&self) -> anyhow::Result<&PrivateRedis> {
        self.private.as_deref().context("this Redis is shared by all tests: break one of your own")
    }
}

impl PrivateRedis {
    async fn launch(&self) -> anyhow::Result<()> {
        let mut command = self.home.command(NAME, &self.program)?;
        command.args([
            "--port",
            &self.port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]);
        if let Some(port) = self.tls {
            command.args(["--tls-port", &port.to_string(), "--tls-auth-clients", "no"]);
            // Relative to the folder of the server.
            command.args(["--tls-cert-file", "server.pem", "--tls-key-file", "server.key"]);
            command.args(["--tls-ca-cert-file", "server.pem"]);
        }
        self.daemon.start(command)?;
        self.daemon
            .ready(&self.home, || async {
                let answer = ask(self.port, "PING").await?;
                ensure!(answer.starts_with("+PONG"), "PING was answered by {answer:?}");
                Ok(())
            })
            .await
    }
}

async fn ask(port: u16, line: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(format!("{line}\r\n").as_bytes()).await?;
    let mut answer = vec![0; 64 * 1024];
    let length = stream.read(&mut answer).await?;
    answer.truncate(length);
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
