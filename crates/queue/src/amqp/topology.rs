//! Queues and exchanges. `leadgate migrate` declares them, all other programs verify them.

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ErrorKind, ExchangeKind};
use tokio::time::{sleep, timeout};

use super::connection::{self, CALL_TIMEOUT, OpenConnection};
use super::queue_names::{self, QueueNames};
use crate::config::{BrokerAddress, QueueAddress, QueueConfig};
use crate::error::QueueError;

/// `x-delivery-limit` of every queue, effectively unlimited. RabbitMQ 4 drops a message that was returned 20
/// times unless the queue has another limit, and releases before 4.3 ignore later changes of a policy. -1
/// means unlimited on 4.x, but zero on 3.x.
const DELIVERY_LIMIT: i32 = 2_000_000_000;

const RETRY_DELAYS: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];

/// Declares the exchanges and queues of this configuration. Only `leadgate migrate` and `leadgate queue
/// shards` call it; all other programs verify. A declaration of an existing object has no effect.
///
/// # Errors
/// When the broker does not answer, or an object with that name has other arguments.
pub async fn declare_topology(config: &QueueConfig) -> Result<(), QueueError> {
    let QueueAddress::Amqp(broker) = QueueAddress::from_config(config)? else {
        return Err(QueueError::Url("only a broker has queues to declare; expected an `amqp:` URL"));
    };
    let queues = QueueNames { shards: config.shards, version: config.message_version };
    // A broker that has just started rejects some declarations with an internal error.
    for delay in RETRY_DELAYS {
        match declare(&broker, queues).await {
            Err(QueueError::Unreachable(_)) => sleep(delay).await,
            outcome => return outcome,
        }
    }
    declare(&broker, queues).await
}

async fn declare(broker: &BrokerAddress, queues: QueueNames) -> Result<(), QueueError> {
    let connection = OpenConnection::open(broker, "leadgate migrate").await?;
    let channel = connection.channel().await?;
    let all = queues.all().map(BrokerObject::Queue);
    for object in [BrokerObject::AlternateExchange, BrokerObject::Exchange].into_iter().chain(all) {
        object.declare(&channel, false).await.map_err(|error| error.describe(&object))?;
    }
    for shard in (0..queues.shards).map(queue_names::shard_queue) {
        bind(&channel, &shard, queue_names::LEAD_EXCHANGE, &shard).await?;
    }
    bind(&channel, queue_names::UNROUTED_QUEUE, queue_names::ALTERNATE_EXCHANGE, "").await?;
    connection.close().await;
    Ok(())
}

async fn bind(channel: &Channel, queue: &str, exchange: &str, key: &str) -> Result<(), QueueError> {
    let (options, arguments) = (QueueBindOptions::default(), FieldTable::default());
    connection::call(channel.queue_bind(queue.into(), exchange.into(), key.into(), options, arguments)).await
}

/// Verifies that all exchanges and queues exist, with the arguments of this build.
///
/// AMQP compares arguments only in a declaration, so each existing object is declared again. That needs the
/// `configure` permission; without it, only existence is verified. AMQP cannot list bindings. A message
/// without a binding is routed to `unrouted`, which workers consume, too.
pub(crate) async fn verify(connection: &OpenConnection, queues: QueueNames) -> Result<(), QueueError> {
    let all = queues.all().map(BrokerObject::Queue);
    verify_all(connection, [BrokerObject::Exchange, BrokerObject::AlternateExchange].into_iter().chain(all))
        .await
}

/// Like [`verify`], for the queues of parked messages: each read returns their messages to the queue.
pub(crate) async fn verify_parked(connection: &OpenConnection, version: u64) -> Result<(), QueueError> {
    verify_all(connection, queue_names::parked_queues(version).map(BrokerObject::Queue)).await
}

/// Returns the number of shards on the broker, at least `known`. A store that was restored from a backup may
/// contain a smaller number.
pub(crate) async fn count_shards(connection: &OpenConnection, known: u16) -> Result<u16, QueueError> {
    let channel = connection.channel().await?;
    for shard in known..u16::MAX {
        let queue = BrokerObject::Queue(queue_names::shard_queue(shard));
        match queue.declare(&channel, true).await {
            Ok(()) => {}
            // The broker has closed the channel.
            Err(DeclareError::Missing(_)) => return Ok(shard),
            Err(error) => return Err(error.describe(&queue)),
        }
    }
    Ok(u16::MAX)
}

async fn verify_all(
    connection: &OpenConnection,
    objects: impl IntoIterator<Item = BrokerObject>,
) -> Result<(), QueueError> {
    let mut channel = connection.channel().await?;
    let mut compare = true;
    for object in objects {
        object.declare(&channel, true).await.map_err(|error| error.describe(&object))?;
        if !compare {
            continue;
        }
        match object.declare(&channel, false).await {
            Ok(()) => {}
            Err(DeclareError::Forbidden) => {
                tracing::warn!(
                    queue.name = object.name(),
                    "broker user lacks the configure permission, queue arguments are not verified"
                );
                compare = false;
                channel = connection.channel().await?;
            }
            Err(error) => return Err(error.describe(&object)),
        }
    }
    Ok(())
}

enum BrokerObject {
    Exchange,
    AlternateExchange,
    Queue(String),
}

enum DeclareError {
    Missing(String),
    Mismatch(String),
    Forbidden,
    Other(QueueError),
}

impl BrokerObject {
    fn name(&self) -> String {
        match self {
            Self::Exchange => format!("exchange `{}`", queue_names::LEAD_EXCHANGE),
            Self::AlternateExchange => format!("exchange `{}`", queue_names::ALTERNATE_EXCHANGE),
            Self::Queue(name) => format!("queue `{name}`"),
        }
    }

    async fn declare(&self, channel: &Channel, passive: bool) -> Result<(), DeclareError> {
        let exchange = ExchangeDeclareOptions { durable: true, passive, ..Default::default() };
        let declaration = async {
            match self {
                Self::Exchange => {
                    let mut arguments = FieldTable::default();
                    arguments.insert("alternate-exchange".into(), text(queue_names::ALTERNATE_EXCHANGE));
                    let (name, kind) = (queue_names::LEAD_EXCHANGE.into(), ExchangeKind::Direct);
                    channel.exchange_declare(name, kind, exchange, arguments).await
                }
                Self::AlternateExchange => {
                    let (name, kind) = (queue_names::ALTERNATE_EXCHANGE.into(), ExchangeKind::Fanout);
                    channel.exchange_declare(name, kind, exchange, FieldTable::default()).await
                }
                Self::Queue(name) => {
                    // Do not add arguments: a later change would close channels. Lengths are policies.
                    let mut arguments = FieldTable::default();
                    arguments.insert("x-queue-type".into(), text("quorum"));
                    arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(DELIVERY_LIMIT));
                    let options = QueueDeclareOptions { durable: true, passive, ..Default::default() };
                    channel.queue_declare(name.as_str().into(), options, arguments).await.map(drop)
                }
            }
        };
        match timeout(CALL_TIMEOUT, declaration).await {
            Ok(result) => result.map_err(DeclareError::from),
            Err(_) => Err(DeclareError::Other(connection::no_answer())),
        }
    }
}

impl From<lapin::Error> for DeclareError {
    fn from(error: lapin::Error) -> Self {
        let ErrorKind::ProtocolError(protocol) = error.kind() else {
            return Self::Other(connection::unreachable(error));
        };
        match protocol.kind() {
            AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) => Self::Missing(protocol.get_message().to_string()),
            AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) => {
                Self::Mismatch(protocol.get_message().to_string())
            }
            AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => Self::Forbidden,
            _ => Self::Other(connection::unreachable(error)),
        }
    }
}

impl DeclareError {
    fn describe(self, object: &BrokerObject) -> QueueError {
        let name = object.name();
        QueueError::Topology(match self {
            Self::Missing(message) => {
                format!("{name} is missing on the broker: run `leadgate migrate` ({message})")
            }
            Self::Mismatch(message) => format!(
                "{name} exists with different arguments. Queue arguments cannot be changed: move its messages, delete \
                 the queue and run `leadgate migrate`; see docs/production.md, RabbitMQ ({message})"
            ),
            Self::Forbidden => format!("the broker user lacks the permission to configure {name}"),
            Self::Other(error) => return error,
        })
    }
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}
