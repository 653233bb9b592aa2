//! `leadgate.toml`, environment and flags: one struct per section, each value with its unit and default.
//!
//! Flags win over the environment, the environment over the file. A key `section.name` is
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

/// The whole configuration. Every program of Leadgate takes the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Where the embedded shape keeps `queue.db`, `store.db` and its secret.
    pub data: PathBuf,
    /// Where the gateway listens.
    pub listen: SocketAddr,
    /// The region by which phones without a country code are read, in sources that are made from now on (ISO 3166-1, such
    /// as `US`); empty is none. A source can have another.
    pub default_region: String,
    /// Allows a local queue file with a database server, or the reverse. For trials only.
    pub allow_mixed_shape: bool,
    /// The installation's root secret, 32 bytes or more; the same for all processes. The embedded shape makes one.
    pub secret: Option<SecretText>,
    /// A file to read the secret from.
    pub secret_file: Option<PathBuf>,
    /// The secret before a rotation: it still verifies.
    pub secret_previous: Option<SecretText>,
    pub store: StoreSection,
    pub queue: QueueSection,
    pub limiter: LimiterSection,
    pub tls: TlsSection,
    pub gateway: GatewaySection,
    pub auth: AuthSection,
    pub worker: WorkerSection,
    pub places: GeolocationSection,
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
            places: GeolocationSection::default(),
            log: LogSection::default(),
        }
    }
}

/// Leads, claims, keys.
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

/// What a lead is durable in when the 202 is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct QueueSection {
    /// `sqlite:PATH` or `amqp://…`; empty is `queue.db` in `data`.
    pub url: String,
    /// RabbitMQ: the management interface (`http://USER:PASSWORD@HOST:15672`), to which `leadgate migrate` uploads the
    /// policies; empty is none, and `migrate` prints the commands that set them.
    pub management_url: String,
    /// RabbitMQ: how long a lead may wait for the broker's confirm before it is refused.
    #[serde(with = "humantime_serde")]
    pub confirm_timeout: Duration,
    /// How many messages a lane of a worker holds at once.
    pub prefetch: u16,
    /// Embedded: how large the backlog may grow before leads are refused.
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
    /// Starts every key in Redis.
    pub prefix: String,
    /// How many gateways run: while Redis is away, each admits its part of a limit.
    pub gateways: u32,
}

impl Default for LimiterSection {
    fn default() -> Self {
        Self { url: "memory:".to_owned(), prefix: "leadgate".to_owned(), gateways: 1 }
    }
}

/// Connections to PostgreSQL, RabbitMQ and Redis that use TLS.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TlsSection {
    /// The certificates (PEM) of the authorities that sign the servers' own; empty is the system's, and for PostgreSQL
    /// what its URL says.
    pub ca_file: String,
}

/// The HTTP side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct GatewaySection {
    /// Threads that answer requests; 0 is one per core.
    pub threads: usize,
    /// The largest body of a single lead.
    pub body_limit: ByteSize,
    /// How long a body may take to arrive.
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    /// How long requests in flight may take once the gateway was told to stop.
    #[serde(with = "humantime_serde")]
    pub shutdown_timeout: Duration,
    /// Where clients reach the gateways (`https://leads.example.com`), for the URLs that they are given; empty is the
    /// host that a request names.
    pub public_url: String,
    /// How long clients of systems that answer with the lead are kept waiting for a worker.
    #[serde(with = "humantime_serde")]
    pub reply_timeout: Duration,
    /// Where `/metrics`, and `/readyz` with its reasons, are served; empty is the public address, to requests from the
    /// machine itself only.
    pub metrics_listen: String,
    /// Peers whose `X-Forwarded-For` is believed, as addresses or networks (`10.0.0.0/8`).
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

/// API keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AuthSection {
    /// For how long the last snapshot of keys serves while the store is away.
    #[serde(with = "humantime_serde")]
    pub stale_max: Duration,
}

impl Default for AuthSection {
    fn default() -> Self {
        Self { stale_max: Duration::from_secs(3_600) }
    }
}

/// The queue's consumer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WorkerSection {
    /// Batches in flight at once, each on a connection of its own.
    pub lanes: usize,
    /// The most submissions that one transaction takes.
    pub batch: usize,
    /// After the database was away for this long, the messages held go back to the broker.
    #[serde(with = "humantime_serde")]
    pub hold_max: Duration,
    /// Where a worker process answers `/healthz`, `/readyz` and `/metrics`; empty is nowhere.
    pub listen: String,
}

impl Default for WorkerSection {
    fn default() -> Self {
        Self { lanes: 4, batch: 512, hold_max: Duration::from_secs(300), listen: String::new() }
    }
}

/// Where people are who post with a browser of their own.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct GeolocationSection {
    /// A City database in MaxMind's format, read once at the start; empty is none.
    pub file: String,
}

/// Logs go to standard error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogSection {
    /// What is logged, in the syntax of tracing's `EnvFilter`. lapin repeats at error what Leadgate handles and logs
    /// itself.
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
        region.transpose().map_err(|wrong: String| anyhow::anyhow!("default_region: {wrong}"))
    }

    /// The store's URL, or the embedded shape's.
    pub(crate) fn store_url(&self) -> String {
        or_file(&self.store.url, &self.data, "store.db")
    }

    /// The queue's URL, or the embedded shape's.
    pub(crate) fn queue_url(&self) -> String {
        or_file(&self.queue.url, &self.data, "queue.db")
    }

    /// Whether everything runs in one process, out of files.
    pub(crate) fn is_embedded(&self) -> bool {
        self.store_url().starts_with("sqlite:") && self.queue_url().starts_with("sqlite:")
    }

    /// The configuration as it may be shown: without passwords.
    pub(crate) fn redacted(&self) -> Self {
        let mut shown = self.clone();
        let QueueSection { url, management_url, .. } = &mut shown.queue;
        for url in [&mut shown.store.url, url, management_url, &mut shown.limiter.url] {
            *url = without_password(url);
        }
        shown
    }
}

fn or_file(url: &str, data: &Path, file: &str) -> String {
    if url.is_empty() { format!("sqlite:{}", data.join(file).display()) } else { url.to_owned() }
}

fn without_password(text: &str) -> String {
    match url::Url::parse(text) {
        Ok(mut url) if url.password().is_some() => {
            let _ = url.set_password(Some("redacted"));
            url.to_string()
        }
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
        let shown = serde_json::to_string(&config.redacted()).unwrap();
        assert!(!shown.contains("hidden"), "{shown}");
        assert!(!format!("{:?}", config.secret).contains("hidden"));
        assert!(shown.contains("@db/leadgate"));
    }
}
