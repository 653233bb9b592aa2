//! `leadgate.toml`, environment and flags: one struct per section, each value with its unit and default.
//!
//! Flags have precedence over the environment, and the environment over the file. A key `section.name` is
//! `LEADGATE_SECTION_NAME` in the environment.

mod read;
mod secret_text;
mod shape;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use leadgate_domain::Region;
use serde::{Deserialize, Serialize};

pub(crate) use read::{Flags, unknown_variables};
pub(crate) use secret_text::SecretText;

/// The complete configuration. All programs of Leadgate read the same settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Folder for `queue.db`, `store.db` and the secret of the embedded shape.
    pub data: PathBuf,
    /// Address on which the gateway listens.
    pub listen: SocketAddr,
    /// Region of new sources for phones without a country code (ISO 3166-1, such as `US`); empty is none. A
    /// source can have another one.
    pub default_region: String,
    /// Allows a local queue file with a database server, or the reverse. For trials only.
    pub allow_mixed_shape: bool,
    /// The installation's root secret, 32 bytes or more; the same for all processes. The embedded shape
    /// creates one.
    pub secret: Option<SecretText>,
    /// A file that contains the secret.
    pub secret_file: Option<PathBuf>,
    /// The secret before a rotation. It still verifies API keys and submission ids, and decrypts stored
    /// values.
    pub secret_previous: Option<SecretText>,
    pub store: StoreSection,
    pub queue: QueueSection,
    pub limiter: LimiterSection,
    pub tls: TlsSection,
    pub gateway: GatewaySection,
    pub auth: AuthSection,
    pub worker: WorkerSection,
    pub dispatcher: DispatcherSection,
    pub geolocation: GeolocationSection,
    pub log: LogSection,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: "./leadgate-data".into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            default_region: String::new(),
            allow_mixed_shape: false,
            secret: None,
            secret_file: None,
            secret_previous: None,
            store: StoreSection::default(),
            queue: QueueSection::default(),
            limiter: LimiterSection::default(),
            tls: TlsSection::default(),
            gateway: GatewaySection::default(),
            auth: AuthSection::default(),
            worker: WorkerSection::default(),
            dispatcher: DispatcherSection::default(),
            geolocation: GeolocationSection::default(),
            log: LogSection::default(),
        }
    }
}

/// The database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StoreSection {
    /// `sqlite:PATH` or `postgres://…`; empty is `store.db` in `data`.
    pub url: String,
    /// Connections per process.
    pub pool_size: u32,
}

impl Default for StoreSection {
    fn default() -> Self {
        Self { url: String::new(), pool_size: 8 }
    }
}

/// The queue, in which a lead is durable when the 202 is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct QueueSection {
    /// `sqlite:PATH` or `amqp://…`; empty is `queue.db` in `data`.
    pub url: String,
    /// RabbitMQ: the management interface (`http://USER:PASSWORD@HOST:15672`), to which `leadgate migrate`
    /// uploads the policies. If it is empty, `migrate` prints the commands that set them.
    pub management_url: String,
    /// RabbitMQ: how long a lead may wait for the broker's confirm before it is refused.
    #[serde(with = "humantime_serde")]
    pub confirm_timeout: Duration,
    /// Unacknowledged messages per consumer task of a worker ([`WorkerSection::concurrency`]).
    pub prefetch: u16,
    /// Embedded: maximum size of the backlog; further leads are refused.
    pub max_size: ByteSize,
}

impl Default for QueueSection {
    fn default() -> Self {
        Self {
            url: String::new(),
            management_url: String::new(),
            confirm_timeout: Duration::from_secs(3),
            prefetch: 32,
            max_size: ByteSize::gib(4),
        }
    }
}

/// Rate limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LimiterSection {
    /// `memory:` or `redis://…`.
    pub url: String,
    /// Prefix of every key in Redis.
    pub prefix: String,
    /// Number of gateways. While Redis is unavailable, each gateway admits its share of a limit.
    pub gateways: u32,
}

impl Default for LimiterSection {
    fn default() -> Self {
        Self { url: "memory:".to_owned(), prefix: "leadgate".to_owned(), gateways: 1 }
    }
}

/// TLS connections to PostgreSQL, RabbitMQ and Redis.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TlsSection {
    /// The certificates (PEM) of the authorities that sign the servers' certificates. If it is empty, the
    /// system's are used, and for PostgreSQL those of its URL (`sslrootcert`).
    pub ca_file: String,
}

/// The HTTP server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct GatewaySection {
    /// Threads that handle requests; 0 is one per core.
    pub threads: usize,
    /// Maximum size of the body of a single lead.
    pub body_limit: ByteSize,
    /// How long a body may take to arrive.
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    /// How long requests in flight may take after the signal to stop.
    #[serde(with = "humantime_serde")]
    pub shutdown_timeout: Duration,
    /// The public base URL of the gateways (`https://leads.example.com`), for the URLs that clients get. If
    /// it is empty, it is the host of the request.
    pub public_url: String,
    /// How long clients that expect the lead in the response wait for a worker.
    #[serde(with = "humantime_serde")]
    pub reply_timeout: Duration,
    /// Address for `/metrics`, and for `/readyz` with its reasons. If it is empty, they are served on the
    /// public address, but only for requests from the machine itself.
    pub metrics_listen: String,
    /// Proxies whose `X-Forwarded-For` is trusted, as addresses or networks (`10.0.0.0/8`).
    pub trusted_proxies: Vec<String>,
}

impl Default for GatewaySection {
    fn default() -> Self {
        Self {
            threads: 0,
            body_limit: ByteSize::kib(64),
            body_timeout: Duration::from_secs(10),
            shutdown_timeout: Duration::from_secs(10),
            public_url: String::new(),
            reply_timeout: Duration::from_secs(2),
            metrics_listen: String::new(),
            trusted_proxies: Vec::new(),
        }
    }
}

/// The snapshot of API keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AuthSection {
    /// How long the last snapshot of keys is used while the store is unavailable.
    #[serde(with = "humantime_serde")]
    pub snapshot_max_age: Duration,
}

impl Default for AuthSection {
    fn default() -> Self {
        Self { snapshot_max_age: Duration::from_secs(3_600) }
    }
}

/// The consumer of the queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WorkerSection {
    /// Consumer tasks: batches in flight at the same time, each with a separate connection.
    pub concurrency: usize,
    /// Maximum number of submissions in one transaction.
    pub batch: usize,
    /// After the database was unavailable for this long, unacknowledged messages are returned to the broker.
    #[serde(with = "humantime_serde")]
    pub unavailable_timeout: Duration,
    /// Address on which a worker process serves `/healthz`, `/readyz` and `/metrics`; empty is none.
    pub listen: String,
}

impl Default for WorkerSection {
    fn default() -> Self {
        Self {
            concurrency: 4,
            batch: 512,
            unavailable_timeout: Duration::from_secs(300),
            listen: String::new(),
        }
    }
}

/// A dispatcher, which sends events to endpoints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DispatcherSection {
    /// Maximum number of concurrent requests.
    pub connections: usize,
    /// Private networks with endpoints, such as `10.1.0.0/16`. Otherwise only public addresses are connected to.
    pub allowed_networks: Vec<String>,
    /// HTTP proxy for requests to endpoints, such as `http://proxy.example:3128`; empty is none. The proxy looks hosts
    /// up and opens the connections, so it must refuse private addresses itself.
    pub proxy: String,
    /// Hosts of endpoints to which requests are sent without the proxy: names such as `crm.internal`, with all names
    /// below them, and networks such as `10.1.0.0/16`.
    pub no_proxy: Vec<String>,
    /// Address on which a dispatcher process serves `/healthz`, `/readyz` and `/metrics`; empty is none.
    pub listen: String,
}

impl Default for DispatcherSection {
    fn default() -> Self {
        Self {
            connections: 512,
            allowed_networks: Vec::new(),
            proxy: String::new(),
            no_proxy: Vec::new(),
            listen: String::new(),
        }
    }
}

/// The location of browsers, by their IP address.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct GeolocationSection {
    /// A City database in MaxMind's format (`.mmdb`). It is read once at the start; empty is none.
    pub database: String,
}

/// Logs go to standard error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogSection {
    /// What is logged, in the syntax of tracing's `EnvFilter`. lapin logs as errors what Leadgate handles and
    /// logs itself.
    pub filter: String,
    pub format: LogFormat,
}

impl Default for LogSection {
    fn default() -> Self {
        Self { filter: "info,actix_server=warn,lapin=off".to_owned(), format: LogFormat::Text }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

impl Config {
    pub(crate) fn default_region(&self) -> anyhow::Result<Option<Region>> {
        let text = self.default_region.trim();
        let region = (!text.is_empty()).then(|| text.parse());
        region.transpose().map_err(|problem: String| anyhow::anyhow!("default_region: {problem}"))
    }

    /// The configured URL of the store, or that of `store.db` in the data folder.
    pub(crate) fn store_url(&self) -> String {
        url_or_file(&self.store.url, &self.data, "store.db")
    }

    /// The configured URL of the queue, or that of `queue.db` in the data folder.
    pub(crate) fn queue_url(&self) -> String {
        url_or_file(&self.queue.url, &self.data, "queue.db")
    }

    /// Whether store and queue are both SQLite files.
    pub(crate) fn is_embedded(&self) -> bool {
        self.store_url().starts_with("sqlite:") && self.queue_url().starts_with("sqlite:")
    }

    /// The configuration without passwords, to be printed.
    pub(crate) fn redacted(&self) -> Self {
        let mut shown = self.clone();
        let QueueSection { url, management_url, .. } = &mut shown.queue;
        let proxy = &mut shown.dispatcher.proxy;
        for url in [&mut shown.store.url, url, management_url, &mut shown.limiter.url, proxy] {
            *url = without_password(url);
        }
        shown
    }
}

fn url_or_file(url: &str, data: &Path, file: &str) -> String {
    if url.is_empty() { format!("sqlite:{}", data.join(file).display()) } else { url.to_owned() }
}

fn without_password(text: &str) -> String {
    match url::Url::parse(text) {
        Ok(mut url) if url.password().is_some() => {
            let _ = url.set_password(Some("redacted"));
            url.to_string()
        }
        // Some proxies get a token in place of the user.
        Ok(mut url) if url.scheme().starts_with("http") && !url.username().is_empty() => {
            let _ = url.set_username("redacted");
            url.to_string()
        }
        Ok(url) if url.has_host() || url.scheme() == "sqlite" => text.to_owned(),
        // Such as `USER:PASSWORD@HOST`, without a scheme.
        _ if text.contains('@') => "redacted (not a URL)".to_owned(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let mut config = Config { secret: Some("hidden".parse().unwrap()), ..Config::default() };
        config.store.url = "postgres://leadgate:hidden@db/leadgate".to_owned();
        config.queue.management_url = "http://leadgate:hidden@broker:15672".to_owned();
        config.dispatcher.proxy = "http://leadgate:hidden@proxy:3128".to_owned();
        let shown = serde_json::to_string(&config.redacted()).unwrap();
        assert!(!shown.contains("hidden"), "{shown}");
        assert!(!format!("{:?}", config.secret).contains("hidden"));
        assert!(shown.contains("@db/leadgate"));
        for (text, shown) in [
            ("leadgate:hidden@proxy:3128", "redacted (not a URL)"),
            ("//leadgate:hidden@proxy", "redacted (not a URL)"),
            ("sqlite:./a@b/store.db", "sqlite:./a@b/store.db"),
            ("http://proxy/@", "http://proxy/@"),
            ("http://hidden@proxy:3128", "http://redacted@proxy:3128/"),
            ("memory:", "memory:"),
        ] {
            assert_eq!(without_password(text), shown);
        }
    }
}
