//! The private servers of a run.

use anyhow::Context as _;
use leadgate_testkit::servers::{PostgresServer, RabbitMqServer, RedisServer};

/// Sizes of a small production server. Durability stays at its defaults.
const POSTGRES_SETTINGS: [&str; 3] = ["shared_buffers=512MB", "wal_buffers=16MB", "max_wal_size=2GB"];

/// Started for this run, because the shared servers of the tests are small and busy.
#[derive(Debug)]
pub(crate) struct BenchServers {
    pub(crate) postgres: PostgresServer,
    pub(crate) rabbitmq: RabbitMqServer,
    pub(crate) redis: RedisServer,
}

impl BenchServers {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let (postgres, rabbitmq, redis) = tokio::try_join!(
            PostgresServer::start_with_settings(&POSTGRES_SETTINGS),
            RabbitMqServer::start(),
            RedisServer::start()
        )
        .context("starting the servers")?;
        Ok(Self { postgres, rabbitmq, redis })
    }

    /// The versions of the servers and the settings that differ from the defaults.
    pub(crate) async fn description(&self) -> anyhow::Result<String> {
        let postgres = self.postgres.sql(self.postgres.url(), "show server_version_num").await?;
        let rabbitmq = self.rabbitmq.rabbitmqctl(&["version"]).await?;
        let (postgres, rabbitmq) = (postgres.trim(), rabbitmq.trim());
        Ok(format!("PostgreSQL {postgres} ({}), RabbitMQ {rabbitmq}, Redis", POSTGRES_SETTINGS.join(", ")))
    }
}
