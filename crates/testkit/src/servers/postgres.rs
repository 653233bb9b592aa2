//! A private PostgreSQL server.

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

/// The settings that differ from the defaults: small and local, with the default durability.
const SETTINGS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    // The path of a Unix socket in a temporary folder can be too long. All clients use TCP.
    "unix_socket_directories=",
    "max_connections=300",
    "shared_buffers=32MB",
    "fsync=on",
    // Segments in /dev/shm would remain after the server was killed.
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
    server_folder: ServerFolder,
    bin: PathBuf,
    port: u16,
    settings: Vec<String>,
}

impl PostgresServer {
    /// Starts a private server. If the caller is root, it runs as the user `postgres` or `nobody`.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not start. The error contains its last log lines.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(None, &[]).await
    }

    /// Starts a private server with further settings, such as `shared_buffers=512MB`, for measurements.
    ///
    /// # Errors
    /// See [`PostgresServer::start`].
    pub async fn start_with_settings(settings: &[&str]) -> anyhow::Result<Self> {
        Self::start_with(None, settings).await
    }

    /// Starts a private server that also accepts connections with TLS.
    ///
    /// # Errors
    /// See [`PostgresServer::start`].
    pub async fn start_with_tls(certificate: &ServerCertificate) -> anyhow::Result<Self> {
        Self::start_with(Some(certificate), &[]).await
    }

    async fn start_with(certificate: Option<&ServerCertificate>, settings: &[&str]) -> anyhow::Result<Self> {
        let bin = programs::postgres_bin()?;
        let port = free_port()?;
        let server_folder = ServerFolder::create(NAME, ServerUser::for_postgres()?)?;
        let mut settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        if let Some(ServerCertificate { certificate, key }) = certificate {
            let certificate = server_folder.write("server.pem", certificate)?;
            let key = server_folder.write("server.key", key)?;
            settings.push("ssl=on".to_owned());
            settings.push(format!("ssl_cert_file={}", certificate.display()));
            settings.push(format!("ssl_key_file={}", key.display()));
        }
        let private =
            PrivatePostgres { daemon: Daemon::new(NAME), server_folder, bin: bin.clone(), port, settings };
        private.create_cluster().await?;
        private.launch().await?;
        let url = format!("postgres://{USER}@127.0.0.1:{port}/postgres");
        Ok(Self { url, bin, private: Some(Arc::new(private)) })
    }

    /// A shared server that was started before. Tests must not break it.
    pub(crate) fn at(url: String) -> anyhow::Result<Self> {
        Ok(Self { url, bin: programs::postgres_bin()?, private: None })
    }

    /// The URL of the default database `postgres`.
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

    /// Creates an empty database with a unique name, and returns its URL.
    ///
    /// # Errors
    /// When the server does not respond.
    pub async fn database(&self) -> anyhow::Result<String> {
        let name = format!("test_{}", uuid::Uuid::now_v7().simple());
        self.sql(&self.url, &format!("create database {name}")).await?;
        let mut url = reqwest::Url::parse(&self.url)?;
        url.set_path(&name);
        Ok(url.into())
    }

    /// Deletes the database at `url`, and closes its connections.
    ///
    /// # Errors
    /// When the server does not respond, or the database does not exist.
    pub async fn drop_database(&self, url: &str) -> anyhow::Result<()> {
        let url = reqwest::Url::parse(url)?;
        let name = url.path().trim_start_matches('/');
        self.sql(&self.url, &format!("drop database {name} with (force)")).await.map(drop)
    }

    /// Runs SQL in the database at `url` with `psql`, and returns the rows. Columns are separated by `|`.
    ///
    /// # Errors
    /// When the server does not respond, or reports an error.
    pub async fn sql(&self, url: &str, sql: &str) -> anyhow::Result<String> {
        let mut command = self.psql(url);
        command.args(["-c", sql]);
        output(command).await
    }

    /// A `psql` that reads SQL, and data for `COPY … FROM STDIN`, from its standard input.
    pub fn psql(&self, url: &str) -> Command {
        let mut command = Command::new(self.bin.join("psql"));
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url]);
        command
    }

    /// Kills the postmaster and all its backends (`SIGKILL`).
    ///
    /// # Errors
    /// When it is not running, or not private.
    pub fn kill(&self) -> anyhow::Result<()> {
        let private = self.private()?;
        private.daemon.kill(&private.server_folder)
    }

    /// Suspends the postmaster and all its backends (`SIGSTOP`). Connections stay open, and the server does
    /// not respond.
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

    /// Stops the server with a fast shutdown, which rolls back open transactions and closes connections.
    /// Waits until it has ended.
    ///
    /// # Errors
    /// When it is not running, not private, or does not end within 30 s.
    pub async fn stop(&self) -> anyhow::Result<()> {
        let private = self.private()?;
        private.daemon.stop(&private.server_folder, Signal::INT).await
    }

    /// Stops the server with an immediate shutdown, without a checkpoint. The next start is slower. Waits
    /// until it has ended.
    ///
    /// # Errors
    /// When it is not running, not private, or does not end within 30 s.
    pub async fn stop_immediately(&self) -> anyhow::Result<()> {
        let private = self.private()?;
        private.daemon.stop(&private.server_folder, Signal::QUIT).await
    }

    /// Starts a killed or stopped server with the same port and data.
    ///
    /// # Errors
    /// When it is running, is not private, or does not start.
    pub async fn start_again(&self) -> anyhow::Result<()> {
        self.private()?.launch().await
    }

    /// Stops the server with a fast shutdown, and starts it with the same port and data.
    ///
    /// # Errors
    /// See [`PostgresServer::stop`] and [`PostgresServer::start_again`].
    pub async fn restart(&self) -> anyhow::Result<()> {
        self.stop().await?;
        self.start_again().await
    }

    /// Terminates all backends of the database at `url` (`pg_terminate_backend`), and returns their number.
    ///
    /// # Errors
    /// When the server does not respond.
    pub async fn terminate_backends(&self, url: &str) -> anyhow::Result<usize> {
        let sql = "select pg_terminate_backend(pid) from pg_stat_activity \
                   where datname = current_database() and pid <> pg_backend_pid()";
        Ok(self.sql(url, sql).await?.lines().count())
    }

    fn private(&self) -> anyhow::Result<&PrivatePostgres> {
        self.private.as_deref().context(
            "this PostgreSQL is shared by all tests; start a private one with PostgresServer::start()",
        )
    }
}

impl PrivatePostgres {
    async fn create_cluster(&self) -> anyhow::Result<()> {
        let initdb = self.bin.join("initdb");
        let mut command = self.server_folder.command("initdb", &initdb)?;
        command.arg("-D").arg(self.data()).args(["-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"]);
        command.args(collation(&initdb).await?);
        let status = Command::from(command).status().await?;
        ensure!(status.success(), "initdb ended with {status}: {}", self.server_folder.log_tail("initdb"));
        std::fs::remove_file(self.server_folder.pid_file("initdb")).context("initdb left no pid file")
    }

    async fn launch(&self) -> anyhow::Result<()> {
        let port = self.port.to_string();
        let mut command = self.server_folder.command(NAME, &self.bin.join("postgres"))?;
        command.arg("-D").arg(self.data()).args(["-p", &port]);
        command.args(SETTINGS.iter().flat_map(|setting| ["-c", setting]));
        command.args(self.settings.iter().flat_map(|setting| ["-c", setting]));
        self.daemon.start(command)?;
        let probe = || async {
            let mut command = Command::new(self.bin.join("pg_isready"));
            command.args(["-h", "127.0.0.1", "-p", &port, "-d", "postgres", "-U", USER]);
            output(command).await.map(drop)
        };
        self.daemon.ready(&self.server_folder, probe).await
    }

    fn data(&self) -> PathBuf {
        self.server_folder.path().join("data")
    }
}

/// The options for an English collation, if the server supports ICU. Rust compares texts by bytes. Code that
/// relies on the same order in the database must fail in tests, and not in an installation with the usual
/// `en_US.UTF-8`.
async fn collation(initdb: &Path) -> anyhow::Result<Vec<&'static str>> {
    let mut help = Command::new(initdb);
    help.arg("--help");
    let supports_icu = output(help).await?.contains("--icu-locale");
    let english = ["--locale=C", "--locale-provider=icu", "--icu-locale=en-US"];
    Ok(if supports_icu { english.to_vec() } else { vec!["--locale=C"] })
}

async fn output(mut command: Command) -> anyhow::Result<String> {
    let output = command.kill_on_drop(true).output().await?;
    ensure!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
