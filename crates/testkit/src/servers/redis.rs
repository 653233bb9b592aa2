//! A private Redis server.

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

/// A Redis server without persistence. It is empty after a restart.
#[derive(Clone, Debug)]
pub struct RedisServer {
    url: String,
    private: Option<Arc<PrivateRedis>>,
}

#[derive(Debug)]
struct PrivateRedis {
    daemon: Daemon,
    server_folder: ServerFolder,
    program: PathBuf,
    port: u16,
    tls: Option<u16>,
}

impl RedisServer {
    /// Starts a private server.
    ///
    /// # Errors
    /// When Redis is not installed or does not start. The error contains its last log lines.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(None).await
    }

    /// Starts a private server with a second port for TLS.
    ///
    /// # Errors
    /// See [`RedisServer::start`].
    pub async fn start_with_tls(certificate: &ServerCertificate) -> anyhow::Result<Self> {
        Self::start_with(Some(certificate)).await
    }

    async fn start_with(certificate: Option<&ServerCertificate>) -> anyhow::Result<Self> {
        let port = free_port()?;
        let server_folder = ServerFolder::create(NAME, None)?;
        let tls = match certificate {
            Some(ServerCertificate { certificate, key }) => {
                server_folder.write("server.pem", certificate)?;
                server_folder.write("server.key", key)?;
                Some(free_port()?)
            }
            None => None,
        };
        let private =
            PrivateRedis { daemon: Daemon::new(NAME), server_folder, program: programs::redis()?, port, tls };
        private.launch().await?;
        Ok(Self { url: format!("redis://127.0.0.1:{port}/"), private: Some(Arc::new(private)) })
    }

    /// A shared server that was started before. Tests must not break it.
    pub(crate) fn at(url: String) -> Self {
        Self { url, private: None }
    }

    /// The URL of the server, `redis://127.0.0.1:<port>/`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The server's port.
    ///
    /// # Errors
    /// When the URL has no port.
    pub fn port(&self) -> anyhow::Result<u16> {
        reqwest::Url::parse(&self.url)?.port().context("the address has no port")
    }

    /// The port for TLS.
    ///
    /// # Errors
    /// When the server was started without TLS.
    pub fn tls_port(&self) -> anyhow::Result<u16> {
        self.private()?.tls.context("this Redis was started without TLS")
    }

    /// The URL and a unique key prefix.
    pub fn url_with_prefix(&self) -> (String, String) {
        (self.url.clone(), format!("test-{}:", uuid::Uuid::now_v7().simple()))
    }

    /// Sends one inline command (`FLUSHALL`, `SCRIPT FLUSH`, `KEYS *`) and returns the start of the raw
    /// response.
    ///
    /// # Errors
    /// When the server does not respond.
    pub async fn command(&self, line: &str) -> anyhow::Result<String> {
        send_command(self.port()?, line).await
    }

    /// Kills the server (`SIGKILL`).
    ///
    /// # Errors
    /// When it is not running, or not private.
    pub fn kill(&self) -> anyhow::Result<()> {
        let private = self.private()?;
        private.daemon.kill(&private.server_folder)
    }

    /// Suspends the server (`SIGSTOP`). Connections stay open, and the server does not respond.
    ///
    /// # Errors
    /// When it is not running, or not private.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.private()?.daemon.signal_all(Signal::STOP)
    }

    /// Resumes a suspended server (`SIGCONT`).
    ///
    /// # Errors
    /// When it is not running, or not private.
    pub fn thaw(&self) -> anyhow::Result<()> {
        self.private()?.daemon.signal_all(Signal::CONT)
    }

    /// Shuts down the server, and waits until it has ended.
    ///
    /// # Errors
    /// When it is not running, not private, or does not end within 30 s.
    pub async fn stop(&self) -> anyhow::Result<()> {
        let private = self.private()?;
        private.daemon.stop(&private.server_folder, Signal::TERM).await
    }

    /// Starts a killed or stopped server with the same port and without data.
    ///
    /// # Errors
    /// When it is running, is not private, or does not start.
    pub async fn start_again(&self) -> anyhow::Result<()> {
        self.private()?.launch().await
    }

    /// Shuts down the server, and starts it with the same port and without data.
    ///
    /// # Errors
    /// See [`RedisServer::stop`] and [`RedisServer::start_again`].
    pub async fn restart(&self) -> anyhow::Result<()> {
        self.stop().await?;
        self.start_again().await
    }

    fn private(&self) -> anyhow::Result<&PrivateRedis> {
        self.private
            .as_deref()
            .context("this Redis is shared by all tests; start a private one with RedisServer::start()")
    }
}

impl PrivateRedis {
    async fn launch(&self) -> anyhow::Result<()> {
        let mut command = self.server_folder.command(NAME, &self.program)?;
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
            .ready(&self.server_folder, || async {
                let response = send_command(self.port, "PING").await?;
                ensure!(response.starts_with("+PONG"), "the response to PING is {response:?}");
                Ok(())
            })
            .await
    }
}

async fn send_command(port: u16, line: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(format!("{line}\r\n").as_bytes()).await?;
    let mut response = vec![0; 64 * 1024];
    let length = stream.read(&mut response).await?;
    response.truncate(length);
    Ok(String::from_utf8_lossy(&response).into_owned())
}
