//! `leadgate.toml`, environment and flags: one struct per section, each value with its unit and default.
//!
//! Flags win over the environment, the environment over the file. A key `section.name` is
//! `LEADGATE_SECTION_NAME` in the environment.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Value};
use serde::{Deserialize, Serialize};

/// The whole configuration. Every program of Leadgate takes the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the embedded shape keeps `queue.db`, `store.db` and its secret.
    pub data: PathBuf,
    /// Where the gateway listens.
    pub listen: SocketAddr,
    /// The installation's root secret, 32 bytes or more; the same for all processes. The embedded shape makes one.
    pub secret: Option<String>,
    /// A file to read the secret from.
    pub secret_file: Option<PathBuf>,
    /// The secret before a rotation: it still verifies.
    pub secret_previous: Option<String>,
    pub store: StoreSection,
    pub queue: QueueSection,
    pub limiter: LimiterSection,
    pub gateway: GatewaySection,
    pub auth: AuthSection,
    pub worker: WorkerSection,
    pub log: LogSection,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: "./leadgate-data".into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            secret: None,
            secret_file: None,
            secret_previous: None,
            store: StoreSection::default(),
            queue: QueueSection::default(),
            limiter: LimiterSection::default(),
            gateway: GatewaySection::default(),
            auth: AuthSection::default(),
            worker: WorkerSection::default(),
            log: LogSection::default(),
        }
    }
}

/// Leads, claims, keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSection {
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
pub struct QueueSection {
    /// `sqlite:PATH` or `amqp://…`; empty is `queue.db` in `data`.
    pub url: String,
    /// RabbitMQ: how many queues `leads.0 … leads.<n-1>`. The same for all processes.
    pub shards: u16,
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
            shards: 1,
            confirm_timeout: Duration::from_secs(3),
            prefetch: 32,
            max_size: ByteSize::gib(4),
        }
    }
}

/// Rate limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimiterSection {
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

/// The HTTP side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewaySection {
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
            trusted_proxies: Vec::new(),
        }
    }
}

/// API keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthSection {
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
pub struct WorkerSection {
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

/// Logs go to standard error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSection {
    /// What is logged, in the syntax of tracing's `EnvFilter`.
    pub filter: String,
    pub format: LogFormat,
}

impl Default for LogSection {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: LogFormat::Text }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Text,
    Json,
}

/// What the command line says; it wins over environment and file.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Flags {
    /// Configuration file [default: ./leadgate.toml if it exists]
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Data folder of the embedded shape
    #[arg(long, value_name = "FOLDER", global = true)]
    pub data: Option<PathBuf>,
}

/// Read if it is there.
const FILE: &str = "leadgate.toml";

impl Config {
    /// Reads file, environment and flags. An error names the key and the place it came from.
    pub fn load(flags: &Flags, listen: Option<SocketAddr>) -> anyhow::Result<Self> {
        let figment = Figment::from(Serialized::defaults(Self::default()));
        let figment = match &flags.config {
            Some(file) if !file.exists() => {
                anyhow::bail!("there is no configuration file {}", file.display())
            }
            Some(file) => figment.merge(Toml::file_exact(file)),
            None if Path::new(FILE).exists() => figment.merge(Toml::file_exact(FILE)),
            None => figment,
        };
        let figment = figment.merge(Environment(std::env::vars().collect()));
        let figment = match &flags.data {
            Some(data) => figment.merge(Serialized::default("data", data)),
            None => figment,
        };
        let figment = match listen {
            Some(listen) => figment.merge(Serialized::default("listen", listen)),
            None => figment,
        };
        figment.extract().map_err(|error| anyhow::anyhow!("configuration: {}", describe(&error)))
    }

    /// The store's URL, or the embedded shape's.
    pub fn store_url(&self) -> String {
        or_file(&self.store.url, &self.data, "store.db")
    }

    /// The queue's URL, or the embedded shape's.
    pub fn queue_url(&self) -> String {
        or_file(&self.queue.url, &self.data, "queue.db")
    }

    /// Whether everything runs in one process, out of files.
    pub fn is_embedded(&self) -> bool {
        self.store_url().starts_with("sqlite:") && self.queue_url().starts_with("sqlite:")
    }

    /// The configuration as it may be shown: without secrets and passwords.
    pub fn redacted(&self) -> Self {
        let hide = |secret: &Option<String>| secret.as_ref().map(|_| "(set)".to_owned());
        let mut shown = self.clone();
        shown.secret = hide(&self.secret);
        shown.secret_previous = hide(&self.secret_previous);
        for url in [&mut shown.store.url, &mut shown.queue.url, &mut shown.limiter.url] {
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

fn describe(error: &figment::Error) -> String {
    let all = error.clone().into_iter().map(|error| {
        let key = error.path.join(".");
        let place = error.metadata.as_ref().map_or_else(String::new, |place| match &place.source {
            Some(source) => format!(" (from {source})"),
            None => format!(" (from {})", place.name),
        });
        if key.is_empty() {
            format!("{}{place}", error.kind)
        } else {
            format!("{key}: {}{place}", error.kind)
        }
    });
    all.collect::<Vec<_>>().join("; ")
}

/// The environment, mapped by the keys there are: `LEADGATE_QUEUE_MAX_SIZE` could be read in two ways, so the
/// names are derived from the keys and never the other way round.
struct Environment(Vec<(String, String)>);

const PREFIX: &str = "LEADGATE_";

/// Variables that belong to the test-suite and to deployment, not to the configuration.
const FOREIGN: [&str; 3] = ["LEADGATE_TEST", "LEADGATE_ADVISORY", "LEADGATE_CONFIG"];

impl figment::Provider for Environment {
    fn metadata(&self) -> figment::Metadata {
        figment::Metadata::named("environment").interpolater(|_, keys| variable(&keys.join(".")))
    }

    fn data(&self) -> Result<figment::value::Map<figment::Profile, Dict>, figment::Error> {
        let keys = keys();
        let mut dict = Dict::new();
        for (name, text) in &self.0 {
            let foreign = FOREIGN.iter().any(|prefix| name.starts_with(prefix));
            if !name.starts_with(PREFIX) || foreign {
                continue;
            }
            let Some(key) = keys.iter().find(|key| variable(key) == *name) else {
                return Err(format!("there is no setting for the environment variable {name}").into());
            };
            // What looks like TOML (numbers, lists) is read as such, everything else is text.
            let value: Value = if is_text(key) {
                Value::from(text.as_str())
            } else {
                text.parse().unwrap_or_else(|never: std::convert::Infallible| match never {})
            };
            insert(&mut dict, key, value);
        }
        Ok(figment::Profile::Default.collect(dict))
    }
}

/// Settings whose text must not be taken for a number: a secret of digits is still a text.
fn is_text(key: &str) -> bool {
    key.starts_with("secret") || key.ends_with("url") || key.ends_with("prefix")
}

fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_uppercase())
}

/// Every key of the configuration, as `section.name`.
fn keys() -> Vec<String> {
    let value = serde_json::to_value(Config::default()).unwrap_or_default();
    let mut keys = Vec::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        match value.as_object() {
            Some(section) => keys.extend(section.keys().map(|key| format!("{name}.{key}"))),
            None => keys.push(name.clone()),
        }
    }
    keys
}

fn insert(dict: &mut Dict, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            dict.insert(key.to_owned(), value);
        }
        Some((section, name)) => {
            let entry = dict.entry(section.to_owned()).or_insert_with(|| Value::from(Dict::new()));
            if let Value::Dict(_, inner) = entry {
                inner.insert(name.to_owned(), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str, environment: &[(&str, &str)]) -> anyhow::Result<Config> {
        let environment = environment.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        Figment::from(Serialized::defaults(Config::default()))
            .merge(Toml::string(file))
            .merge(Environment(environment.collect()))
            .extract()
            .map_err(|error| anyhow::anyhow!(describe(&error)))
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let file = "[queue]\nshards = 2\nmax_size = \"1 GiB\"";
        let config = read(file, &[("LEADGATE_QUEUE_SHARDS", "4"), ("LEADGATE_SECRET", "1234")]).unwrap();
        assert_eq!((config.queue.shards, config.queue.max_size), (4, ByteSize::gib(1)));
        assert_eq!(config.secret.as_deref(), Some("1234"));
        let list = read("", &[("LEADGATE_GATEWAY_TRUSTED_PROXIES", "[10.0.0.1, \"10.0.0.0/8\"]")]).unwrap();
        assert_eq!(list.gateway.trusted_proxies, ["10.0.0.1", "10.0.0.0/8"]);
    }

    #[test]
    fn an_error_names_the_key_and_the_place() {
        let error = read("", &[("LEADGATE_QUEUE_SHARDS", "many")]).unwrap_err().to_string();
        assert!(error.contains("queue.shards") && error.contains("environment"), "{error}");
        let error = read("[queue]\nshard = 1", &[]).unwrap_err().to_string();
        assert!(error.contains("shard") && error.contains("TOML"), "{error}");
        let error = read("", &[("LEADGATE_QUEUE_SHARD", "1")]).unwrap_err().to_string();
        assert!(error.contains("LEADGATE_QUEUE_SHARD"), "{error}");
    }

    #[test]
    fn secrets_are_not_shown() {
        let mut config = Config { secret: Some("hidden".to_owned()), ..Config::default() };
        config.store.url = "postgres://leadgate:hidden@db/leadgate".to_owned();
        let shown = serde_json::to_string(&config.redacted()).unwrap();
        assert!(!shown.contains("hidden"), "{shown}");
        assert!(shown.contains("@db/leadgate"));
    }

    /// The page shows the whole default file; it is read back and compared.
    #[test]
    fn the_page_shows_every_key_with_its_default() {
        let page = include_str!("../../../docs/configuration.md");
        let file = page.split("```toml").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let shown: toml::Table = file.parse().unwrap();
        let mut shown_keys: Vec<_> = shown
            .iter()
            .flat_map(|(name, value)| match value.as_table() {
                Some(section) => section.keys().map(|key| format!("{name}.{key}")).collect(),
                None => vec![name.clone()],
            })
            .collect();
        // Without a default there is nothing to show but a comment.
        for key in ["secret", "secret_file", "secret_previous"] {
            assert!(file.contains(&format!("# {key} = ")), "{key} is not on the page");
            shown_keys.push(key.to_owned());
        }
        shown_keys.sort();
        let mut keys = keys();
        keys.sort();
        assert_eq!(shown_keys, keys);
        assert_eq!(read(file, &[]).unwrap(), Config::default());
        for key in keys {
            assert!(page.contains(&variable(&key)), "{} is not on the page", variable(&key));
        }
    }
}
