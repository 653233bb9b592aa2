//! Configuration of a queue, and the parsing of its URL.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lapin::uri::AMQPUri;
use leadgate_domain::message;
use url::Url;

use crate::error::QueueError;

/// How a process uses a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Publishes. Ready when it can publish.
    Gateway,
    /// Consumes, and publishes messages that it parks. Ready when a consumer is connected.
    Worker,
    /// Gateway and worker in one process.
    AllInOne,
    /// Reads the depth, and lists and replays parked messages.
    Admin,
}

impl Role {
    pub(crate) fn publishes(self) -> bool {
        !matches!(self, Self::Admin)
    }

    pub(crate) fn consumes(self) -> bool {
        matches!(self, Self::Worker | Self::AllInOne)
    }
}

/// The address and limits of a queue.
#[derive(Clone)]
pub struct QueueConfig {
    /// `sqlite:PATH`, `amqp://…` or `amqps://…`; `?cacertfile=FILE` names the trusted certificate authorities
    /// (PEM).
    pub url: String,
    /// RabbitMQ: number of queues `leads.0 … leads.<n-1>` at the start; see
    /// [`Queue::follow_shards`](crate::Queue::follow_shards).
    pub shards: u16,
    /// RabbitMQ: the message version that this build reads. This build consumes the queues `newer.v<N>` up to
    /// this version, and parks messages that it cannot read in the next one.
    pub message_version: u64,
    /// Maximum number of submissions in one message.
    pub max_group_size: usize,
    /// Maximum size of a message in bytes. A larger submission is sent alone.
    pub max_group_bytes: usize,
    /// RabbitMQ: maximum number of messages without a confirm. A shard has more than one only while its groups are
    /// full. See `docs/decisions/groups-in-flight.md`.
    pub max_groups_in_flight: usize,
    /// Maximum number of submissions that wait in memory. Further publishes are refused.
    pub max_waiting: usize,
    /// Maximum size in bytes of the submissions that wait in memory. Further publishes are refused.
    pub max_waiting_bytes: usize,
    /// Time limit of a publish, including grouping and confirm.
    pub confirm_timeout: Duration,
    /// RabbitMQ: maximum number of unacknowledged messages of each consumer of a queue.
    pub prefetch: u16,
    /// Embedded: maximum size in bytes of the messages in the file. Further publishes are refused.
    pub max_file_bytes: u64,
    /// RabbitMQ: heartbeat interval. A connection that is silent for twice this long is closed.
    pub heartbeat: Duration,
}

impl QueueConfig {
    /// The defaults for `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            shards: 1,
            message_version: message::VERSION,
            max_group_size: 64,
            max_group_bytes: 256 * 1024,
            max_groups_in_flight: 4,
            max_waiting: 16_384,
            max_waiting_bytes: 64 * 1024 * 1024,
            confirm_timeout: Duration::from_secs(3),
            prefetch: 32,
            max_file_bytes: 4 * 1024 * 1024 * 1024,
            heartbeat: Duration::from_secs(5),
        }
    }

    /// Returns the configuration with another number of shards.
    #[must_use]
    pub fn with_shards(self, shards: u16) -> Self {
        Self { shards, ..self }
    }
}

impl fmt::Debug for QueueConfig {
    /// Omits the URL, which can contain a password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("QueueConfig").field("shards", &self.shards).finish_non_exhaustive()
    }
}

/// The adapter and address in a URL.
pub(crate) enum QueueAddress {
    Amqp(Box<BrokerAddress>),
    Embedded(PathBuf),
}

impl QueueAddress {
    pub(crate) fn from_config(config: &QueueConfig) -> Result<Self, QueueError> {
        let mut address = Self::parse(&config.url)?;
        if let Self::Amqp(broker) = &mut address {
            let seconds = u16::try_from(config.heartbeat.as_secs()).unwrap_or(u16::MAX).max(1);
            // A heartbeat in the URL has priority over the configuration.
            broker.uri.query.heartbeat.get_or_insert(seconds);
        }
        Ok(address)
    }

    pub(crate) fn parse(url: &str) -> Result<Self, QueueError> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            // `sqlite:///data/queue.db` and `sqlite:/data/queue.db` name the same file.
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path == ":memory:" {
                return Err(QueueError::Url("expected the path of a file after `sqlite:`"));
            }
            return Ok(Self::Embedded(PathBuf::from(path)));
        }
        if !url.starts_with("amqp://") && !url.starts_with("amqps://") {
            return Err(QueueError::Url("expected `sqlite:PATH`, `amqp://…` or `amqps://…`"));
        }
        Ok(Self::Amqp(Box::new(BrokerAddress::parse(url)?)))
    }
}

/// The URL of a broker, and the certificate authorities that are trusted.
pub(crate) struct BrokerAddress {
    pub(crate) uri: AMQPUri,
    /// In PEM. `None`: those of the system.
    pub(crate) authorities: Option<Arc<str>>,
}

impl BrokerAddress {
    /// As in the clients of RabbitMQ, the query can name a file: `?cacertfile=/etc/ca.pem`.
    fn parse(url: &str) -> Result<Self, QueueError> {
        let malformed = QueueError::Url("invalid URL; expected `amqp://USER:PASSWORD@HOST:PORT/VHOST`");
        let Ok(uri) = url.parse() else { return Err(malformed) };
        let Ok(url) = Url::parse(url) else { return Err(malformed) };
        let file = url.query_pairs().find(|(name, _)| name == "cacertfile");
        let text = file.map(|(_, file)| std::fs::read_to_string(&*file)).transpose();
        let text = text.map_err(|_| QueueError::Url("the file in `cacertfile` cannot be read"))?;
        Ok(Self { uri, authorities: text.map(Into::into) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_selects_its_adapter() {
        let file = |url: &str| match QueueAddress::parse(url) {
            Ok(QueueAddress::Embedded(path)) => path,
            _ => PathBuf::new(),
        };
        assert_eq!(file("sqlite:data/queue.db"), PathBuf::from("data/queue.db"));
        assert_eq!(file("sqlite:/data/queue.db"), PathBuf::from("/data/queue.db"));
        assert_eq!(file("sqlite:///data/queue.db"), PathBuf::from("/data/queue.db"));
        assert!(matches!(QueueAddress::parse("amqp://broker/leads"), Ok(QueueAddress::Amqp(_))));
        for wrong in ["", "sqlite:", "sqlite::memory:", "redis://host", "amqp:", "postgres://host"] {
            assert!(matches!(QueueAddress::parse(wrong), Err(QueueError::Url(_))), "{wrong}");
        }
        let Err(error) = QueueAddress::parse("amqps://broker/leads?cacertfile=/no/such/file") else {
            panic!()
        };
        assert!(error.to_string().contains("cacertfile"), "{error}");
    }

    #[test]
    fn a_password_is_not_printed() {
        let config = QueueConfig::new("amqp://user:hunter2@broker/leads");
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
