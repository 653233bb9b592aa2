//! What a queue is opened with.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lapin::uri::AMQPUri;
use leadgate_domain::message;
use url::Url;

use crate::error::QueueError;

/// What the process that opens a queue does with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Publishes. Ready when it can publish.
    Gateway,
    /// Consumes, and publishes what it parks. Ready when its consumers consume.
    Worker,
    /// Both in one process.
    AllInOne,
    /// Looks at the queue, lists and replays what is parked.
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

/// How a queue is reached and how much it may hold.
#[derive(Clone)]
pub struct QueueConfig {
    /// `sqlite:PATH`, `amqp://…` or `amqps://…`; `?cacertfile=FILE` names the certificates that sign the broker's.
    pub url: String,
    /// RabbitMQ: how many queues `leads.0 … leads.<n-1>` are known at the start; see
    /// [`Queue::follow_shards`](crate::Queue::follow_shards).
    pub shards: u16,
    /// RabbitMQ: the message version that this build reads, which decides the queues `newer.v<N>`: this build consumes
    /// those up to this version, and parks what it cannot read in the next one.
    pub version: u64,
    /// The most submissions in one message.
    pub group_max: usize,
    /// The most bytes in one message; a single larger submission travels alone.
    pub group_bytes: usize,
    /// RabbitMQ: how many messages may wait for the broker's confirm. See `docs/decisions/groups-in-flight.md`.
    pub groups_in_flight: usize,
    /// How many submissions may wait in memory before more are refused.
    pub waiting_max: usize,
    /// How many bytes of submissions may wait in memory before more are refused.
    pub waiting_bytes: usize,
    /// How long one publish may take, gathering and confirm included.
    pub confirm_timeout: Duration,
    /// RabbitMQ: how many messages each consumer of a queue holds unsettled.
    pub prefetch: u16,
    /// Embedded: how many bytes of messages the file may hold before more are refused.
    pub max_bytes: u64,
    /// RabbitMQ: a broker silent for twice this long is taken for dead.
    pub heartbeat: Duration,
}

impl QueueConfig {
    /// The defaults for `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            shards: 1,
            version: message::VERSION,
            group_max: 64,
            group_bytes: 256 * 1024,
            groups_in_flight: 4,
            waiting_max: 16_384,
            waiting_bytes: 64 * 1024 * 1024,
            confirm_timeout: Duration::from_secs(3),
            prefetch: 32,
            max_bytes: 4 * 1024 * 1024 * 1024,
            heartbeat: Duration::from_secs(5),
        }
    }

    /// The same with another number of shards.
    #[must_use]
    pub fn with_shards(self, shards: u16) -> Self {
        Self { shards, ..self }
    }
}

impl fmt::Debug for QueueConfig {
    /// Without the URL: it may carry a password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("QueueConfig").field("shards", &self.shards).finish_non_exhaustive()
    }
}

/// Which adapter a URL names.
pub(crate) enum QueueAddress {
    Amqp(Box<BrokerAddress>),
    Embedded(PathBuf),
}

impl QueueAddress {
    pub(crate) fn of(config: &QueueConfig) -> Result<Self, QueueError> {
        let mut address = Self::parse(&config.url)?;
        if let Self::Amqp(broker) = &mut address {
            let seconds = u16::try_from(config.heartbeat.as_secs()).unwrap_or(u16::MAX).max(1);
            // What the URL says goes before the configuration.
            broker.uri.query.heartbeat.get_or_insert(seconds);
        }
        Ok(address)
    }

    pub(crate) fn parse(url: &str) -> Result<Self, QueueError> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            // `sqlite:///data/queue.db` and `sqlite:/data/queue.db` name the same file.
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path == ":memory:" {
                return Err(QueueError::Url("`sqlite:` needs the path of a file"));
            }
            return Ok(Self::Embedded(PathBuf::from(path)));
        }
        if !url.starts_with("amqp://") && !url.starts_with("amqps://") {
            return Err(QueueError::Url("expected `sqlite:PATH`, `amqp://…` or `amqps://…`"));
        }
        Ok(Self::Amqp(Box::new(BrokerAddress::parse(url)?)))
    }
}

/// A broker's URL, and the certificates that it is believed by.
pub(crate) struct BrokerAddress {
    pub(crate) uri: AMQPUri,
    /// As PEM; `None` for the system's.
    pub(crate) authorities: Option<Arc<str>>,
}

impl BrokerAddress {
    /// The query may name a file, as it may in RabbitMQ's own clients: `?cacertfile=/etc/ca.pem`.
    fn parse(url: &str) -> Result<Self, QueueError> {
        let malformed = QueueError::Url("not a well-formed `amqp:` URL");
        let Ok(uri) = url.parse() else { return Err(malformed) };
        let Ok(url) = Url::parse(url) else { return Err(malformed) };
        let file = url.query_pairs().find(|(name, _)| name == "cacertfile");
        let text = file.map(|(_, file)| std::fs::read_to_string(&*file)).transpose();
        let text = text.map_err(|_| QueueError::Url("the file that `cacertfile` names cannot be read"))?;
        Ok(Self { uri, authorities: text.map(Into::into) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_its_adapter() {
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
