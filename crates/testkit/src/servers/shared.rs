//! The servers of the whole test run.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use super::management::ManagementApi;
use super::{PostgresServer, RabbitMqServer, RedisServer};

/// The variable in which `leadgate-with-servers` passes on the [`ServerAddresses`] of the servers it started.
pub const ENVIRONMENT: &str = "LEADGATE_TESTKIT";

/// Where the servers of a test run are, as JSON in [`ENVIRONMENT`].
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ServerAddresses {
    /// The database `postgres` on a server where a superuser needs no password.
    pub postgres_url: String,
    /// Host, AMQP port and management port of a node that knows the user `guest`.
    pub rabbitmq: (String, u16, u16),
    /// `redis://…`.
    pub redis_url: String,
}

impl ServerAddresses {
    /// The addresses of the given servers.
    pub fn of(postgres: &PostgresServer, rabbitmq: &RabbitMqServer, redis: &RedisServer) -> Self {
        let management = rabbitmq.management();
        Self {
            postgres_url: postgres.url().to_owned(),
            rabbitmq: ("127.0.0.1".to_owned(), management.amqp_port(), management.management_port()),
            redis_url: redis.url().to_owned(),
        }
    }

    /// What [`ENVIRONMENT`] says; nothing when it is not set.
    fn given() -> anyhow::Result<Option<Self>> {
        match std::env::var(ENVIRONMENT) {
            Ok(text) => {
                serde_json::from_str(&text).map(Some).with_context(|| format!("reading {ENVIRONMENT}"))
            }
            Err(_) => Ok(None),
        }
    }
}

/// Servers that all tests share, each started when first asked for; they end with the process.
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

/// The servers of this test run: those of `leadgate-with-servers` around it, otherwise this process's own.
pub fn shared() -> &'static SharedServers {
    &SHARED
}

impl SharedServers {
    /// The PostgreSQL on which a test creates a database.
    ///
    /// # Errors
    /// When it has to be started and does not come up.
    pub async fn postgres(&self) -> anyhow::Result<&PostgresServer> {
        let start = || async {
            match ServerAddresses::given()? {
                Some(given) => PostgresServer::at(given.postgres_url),
                None => PostgresServer::start().await,
            }
        };
        self.postgres.get_or_try_init(start).await
    }

    /// The RabbitMQ on which a test creates a virtual host.
    ///
    /// # Errors
    /// When it has to be started and does not come up.
    pub async fn rabbitmq(&self) -> anyhow::Result<&RabbitMqServer> {
        let start = || async {
            match ServerAddresses::given()? {
                Some(ServerAddresses { rabbitmq: (host, amqp, management), .. }) => {
                    Ok(RabbitMqServer::at(ManagementApi::new(&host, amqp, management)))
                }
                None => RabbitMqServer::start().await,
            }
        };
        self.rabbitmq.get_or_try_init(start).await
    }

    /// The Redis on which a test takes a prefix.
    ///
    /// # Errors
    /// When it has to be started and does not come up.
    pub async fn redis(&self) -> anyhow::Result<&RedisServer> {
        let start = || async {
            match ServerAddresses::given()? {
                Some(given) => Ok(RedisServer::at(given.redis_url)),
                None => RedisServer::start().await,
            }
        };
        self.redis.get_or_try_init(start).await
    }
}
