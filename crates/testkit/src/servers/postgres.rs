//! A private PostgreSQL.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use rustix::process::Signal;
use tokio::process::Command;

use super::daemon::Daemon;
use super::programs;
use super::server_folder::{ServerFolder, ServerUser};
use crate::free_port;
use crate::tls::ServerCertificate;

const NAME: &str = "postgres";
const USER: &str = "leadgate";

/// What differs from a server's defaults: small, local, and as durable as a real one.
const SETTINGS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    // The path of a socket in a temporary folder may be too long, and everything here speaks TCP.
    "unix_socket_directories=",
    "max_connections=300",
    "shared_buffers=32MB",
    "fsync=on",
    // Segments in /dev/shm would outlive a server that is killed.
    "dynamic_shared_memory_type=mmap",
    "max_wal_size=256MB",
];

/// A PostgreSQL server with `fsync` on.
#[derive(Clone, Debug)]
pub struct PostgresServer {
    url: String,
    bin: PathBuf,
    private: Option<Arc<PrivatePostgres>>,
}

#[derive(Debug)]
struct PrivatePostgres {
    daemon: Daemon,
    home: ServerFolder,
    bin: PathBuf,
    port: u16,
    tls: Vec<String>,
}

impl PostgresServer {
    /// Starts a private server; as root under the user `postgres` or `nobody`.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not come up; the message has its last log lines.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(None).await
    }

    /// Starts a private server that takes connections with TLS, too.
    ///
    /// # Errors
    /// As [`PostgresServer::start`].
    pub async fn start_with_tls(certificate: &ServerCertificate) -> anyhow::Result<Self> {
        Self::start_with(Some(certificate)).await
    }

    async fn start_with(certificate: Option<&ServerCertificate>) -> anyhow::Result<Self> {
        let bin = programs::postgres_bin()?;
        let port = free_port()?;
        let home = ServerFolder::create(NAME, ServerUser::for_postgres()?)?;
        let mut tls = Vec::new();
        if let Some(ServerCertificate { certificate, key }) = certificate {
            let certificate = home.write("server.pem", certificate)?;
            let key = home.write("server.key", key)?;
            tls.push("ssl=on".to_owned());
            tls.push(format!("ssl_cert_file={}", certificate.display()));
            tls.push(format!("ssl_key_file={}", key.display()));
        }
        let private = PrivatePostgres { daemon: Daemon::new(NAME), home, bin: bin.clone(), port, tls };
        private.create_cluster().await?;
        private.launch().await?;
        let url = format!("postgres://{USER}@127.0.0.1:{port}/postgres");
        Ok(Self { url, bin, private: Some(Arc::new(private)) })
    }

    /// A server that somebody else started, and that is not to be broken.
    pub(crate) fn at(url: String) -> anyhow::Result<Self> {
        Ok(Self { url, bin: programs::postgres_bin()?, private: None })
    }

    /// The address of the server's own database `postgres`.
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

    /// Creates an empty database with a name nobody else has, and returns its address.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn database(&self) -> anyhow::Result<String> {
        let name = format!("test_{}", uuid::Uuid::now_v7().simple());
        self.sql(&self.url, &format!("create database {name}")).await?;
        let mut url = reqwest::Url::parse(&self.url)?;
        url.set_path(&name);
        Ok(url.into())
    }

    /// Runs SQL in the database at `url`, through `psql`; returns its rows, columns separated by `|`.
    ///
    /// # Errors
    /// When the server does not answer, or says no.
    pub async fn sql(&self, url: &str, sql: &str) -> anyhow::Result<String> {
        let mut command = Command::new(self.bin.join("psql"));
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]);
        output(command).await
    }

    /// Kills the postmaster and all its backends with `SIGKILL`.
    ///
    /// # Errors
    /// When it is not running, or not private.
    pub fn kill(&self) -> anyhow::Result<()> {
        let private = self.private()?;
        private.daemon.kill(&private.home)
    }

    /// Stops the postmaster and all its backends from running (`SIGSTOP`): connections stay open, nothing answers.
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

    /// A fast shutdown: open transactions are rolled back, connections are closed. Waits until it has ended.
    ///
    /// # Errors
    /// When it is not running, not private, or does not end within 30 s.
    pub async fn stop(&self) -> anyhow::Result<()> {
        let private = self.private()?;
        private.daemon.stop(&private.home, Signal::INT).await
    }

    /// An immediate shutdown, without the checkpoint that makes the next start quick. Waits until it has ended.
    ///
    /// # Errors
    /// When it is not running, not private, or does not end within 30 s.
    pub async fn stop_immediately(&self) -> anyhow::Result<()> {
        let private = self.private()?;
        private.daemon.stop(&private.home, Signal::QUIT).await
    }

    /// Starts a killed or stopped server on the same port and data.
    ///
    /// # Errors
    /// When it runs, is not private, or does not come up.
    pub async fn start_again(&self) -> anyhow::Result<()> {
        self.private()?.launch().await
    }

    /// A fast shutdown, and a start on the same port and data.
    ///
    /// # Errors
    /// As [`PostgresServer::stop`] and [`PostgresServer::start_again`].
    pub async fn restart(&self) -> anyhow::Result<()> {
        self.stop().await?;
        self.start_again().await
    }

    /// Kills every backend that serves the database at `url` (`pg_terminate_backend`); returns how many.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn terminate_backends(&self, url: &str) -> anyhow::Result<usize> {
        let sql = "select pg_terminate_backend(pid) from pg_stat_activity \
                   where datname = current_database() and pid <> pg_backend_pid()";
        Ok(self.sql(url, sql).await?.lines().count())
    }

    fn private(&self) -> anyhow::Result<&PrivatePostgres> {
        self.private.as_deref().context("this PostgreSQL is shared by all tests: break one of your own")
    }
}

impl PrivatePostgres {
    async fn create_cluster(&self) -> anyhow::Result<()> {
        let initdb = self.bin.join("initdb");
        let mut command = self.home.command("initdb", &initdb)?;
        command.arg("-D").arg(self.data()).args(["-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"]);
        command.args(collation(&initdb).await?);
        let status = Command::from(command).status().await?;
        ensure!(status.success(), "initdb ended with {status}: {}", self.home.log_tail("initdb"));
        std::fs::remove_file(self.home.pid_file("initdb")).context("initdb left no pid file")
    }

    async fn launch(&self) -> anyhow::Result<()> {
        let port = self.port.to_string();
        let mut command = self.home.command(NAME, &self.bin.join("postgres"))?;
        command.arg("-D").arg(self.data()).args(["-p", &port]);
        command.args(SETTINGS.iter().flat_map(|setting| ["-c", setting]));
        command.args(self.tls.iter().flat_map(|setting| ["-c", setting]));
        self.daemon.start(command)?;
        let asked = || async {
            let mut command = Command::new(self.bin.join("pg_isready"));
            command.args(["-h", "127.0.0.1", "-p", &port, "-d", "postgres", "-U", USER]);
            output(command).await.map(drop)
        };
        self.daemon.ready(&self.home, asked).await
    }

    fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }
}

/// English order where the server knows it: a comparison in Rust is by bytes, and code that relies on the database
/// agreeing must fail here rather than at an operator who has the usual `en_US.UTF-8`.
async fn collation(initdb: &Path) -> anyhow::Result<Vec<&'static str>> {
    let mut help = Command::new(initdb);
    help.arg("--help");
    let icu = output(help).await?.contains("--icu-locale");
    let english = ["--locale=C", "--locale-provider=icu", "--icu-locale=en-US"];
    Ok(if icu { english.to_vec() } else { vec!["--locale=C"] })
}

async fn output(mut command: Command) -> anyhow::Result<String> {
    let output = command.kill_on_drop(true).output().await?;
    ensure!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
