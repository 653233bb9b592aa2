//! The servers that all tests of a run share.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use super::management::ManagementApi;
use super::{PostgresServer, RabbitMqServer, RedisServer};

/// The environment variable in which `leadgate-with-servers` passes the [`ServerAddresses`] of its servers to
/// the tests.
pub const ENVIRONMENT: &str = "LEADGATE_TESTKIT";

/// The addresses of the servers of a test run, as JSON in [`ENVIRONMENT`].
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ServerAddresses {
    /// The URL of the database `postgres` for a superuser without a password.
    pub postgres_url: String,
    /// The host, the AMQP port and the management port of a node with the user `guest`.
    pub rabbitmq: (String, u16, u16),
    /// `redis://…`.
    pub redis_url: String,
}

impl ServerAddresses {
    /// The addresses of the given servers.
    pub fn new(postgres: &PostgresServer, rabbitmq: &RabbitMqServer, redis: &RedisServer) -> Self {
        let management = rabbitmq.management();
        Self {
            postgres_url: postgres.url().to_owned(),
            rabbitmq: ("127.0.0.1".to_owned(), management.amqp_port(), management.management_port()),
            redis_url: redis.url().to_owned(),
        }
    }

    /// Reads [`ENVIRONMENT`]; `None` if it is not set.
    fn from_environment() -> anyhow::Result<Option<Self>> {
        match std::env::var(ENVIRONMENT) {
            Ok(text) => {
                serde_json::from_str(&text).map(Some).with_context(|| format!("reading {ENVIRONMENT}"))
            }
            Err(_) => Ok(None),
        }
    }
}

/// Servers that all tests share. Each one is started when a test first needs it, and ends with the process.
#[derive(Debug, Default)]
pub struct SharedServers {
    postgres: OnceCell<PostgresServer>,
    rabbitmq: OnceCell<RabbitMqServer>,
    redis: OnceCell<RedisServer>,
}

static SHARED: SharedServers = SharedServers {
    postgres: OnceCell::const_new(),
    rabbitmq: OnceCell::const_new(),
    redis: OnceCell::const_new(),
};

/// The servers of this test run: those of `leadgate-with-servers`, or servers of this process.
pub fn shared() -> &'static SharedServers {
    &SHARED
}

impl SharedServers {
    /// The PostgreSQL server, on which a test creates a database.
    ///
    /// # Errors
    /// When it must be started and does not start.
    pub async fn postgres(&self) -> anyhow::Result<&PostgresServer> {
        let start = || async {
            match ServerAddresses::from_environment()? {
                Some(addresses) => PostgresServer::at(addresses.postgres_url),
                None => PostgresServer::start().await,
            }
        };
        self.postgres.get_or_try_init(start).await
    }

    /// The RabbitMQ server, on which a test creates a virtual host.
    ///
    /// # Errors
    /// When it must be started and does not start.
    pub async fn rabbitmq(&self) -> anyhow::Result<&RabbitMqServer> {
        let start = || async {
            match ServerAddresses::from_environment()? {
                Some(ServerAddresses { rabbitmq: (host, amqp, management), .. }) => {
                    Ok(RabbitMqServer::at(ManagementApi::new(&host, amqp, management)))
                }
                None => RabbitMqServer::start().await,
            }
        };
        self.rabbitmq.get_or_try_init(start).await
    }

    /// The Redis server, on which a test uses a key prefix.
    ///
    /// # Errors
    /// When it must be started and does not start.
    pub async fn redis(&self) -> anyhow::Result<&RedisServer> {
        let start = || async {
            match ServerAddresses::from_environment()? {
                Some(addresses) => Ok(RedisServer::at(addresses.redis_url)),
                None => RedisServer::start().await,
            }
        };
        self.redis.get_or_try_init(start).await
    }
}
