//! The one place where a URL becomes an adapter.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use leadgate_limiter::{Limiter, LimiterConfig, Markers};
use leadgate_queue::{Queue, QueueConfig, Role};
use leadgate_store::{Store, StoreConfig};

use crate::config::Config;

/// Makes the data folder, if anything is kept in it. Only its owner may look inside.
pub(crate) fn prepare(config: &Config) -> anyhow::Result<()> {
    let keeps_files = [config.store_url(), config.queue_url()].iter().any(|url| url.starts_with("sqlite:"));
    if !keeps_files || config.data.exists() {
        return Ok(());
    }
    use std::os::unix::fs::DirBuilderExt as _;
    let folder = fs::DirBuilder::new().recursive(true).mode(0o700).create(&config.data);
    folder.with_context(|| format!("the data folder {}", config.data.display()))
}

/// Brings the database's schema and the broker's topology to what this build needs. The only place that declares
/// them; everybody else verifies.
pub(crate) async fn migrate(config: &Config) -> anyhow::Result<()> {
    config.check_shape()?;
    store(config)?.migrate().await.context("migrating the store")?;
    if config.queue_url().starts_with("amqp") {
        leadgate_queue::declare_topology(&config.queue_url(), config.queue.shards)
            .await
            .context("declaring queues")?;
    }
    Ok(())
}

/// The store, for somebody who has a client or an operator waiting.
pub(crate) fn store(config: &Config) -> anyhow::Result<Store> {
    let settings = StoreConfig { pool_size: config.store.pool_size, ..StoreConfig::api(config.store_url()) };
    Store::open(&settings).context("store.url")
}

/// The store, for a worker: it would only come back with the same batch.
pub(crate) fn worker_store(config: &Config) -> anyhow::Result<Store> {
    let pool_size = config.store.pool_size.max(u32::try_from(config.worker.lanes).unwrap_or(u32::MAX));
    let settings = StoreConfig { pool_size, ..StoreConfig::worker(config.store_url()) };
    Store::open(&settings).context("store.url")
}

pub(crate) async fn queue(config: &Config, role: Role) -> anyhow::Result<Queue> {
    match role {
        Role::Gateway | Role::Worker => config.check_shared_queue()?,
        Role::AllInOne | Role::Admin => config.check_shape()?,
    }
    let settings = QueueConfig {
        shards: config.queue.shards,
        confirm_timeout: config.queue.confirm_timeout,
        prefetch: config.queue.prefetch,
        max_bytes: config.queue.max_size.as_u64(),
        ..QueueConfig::new(config.queue_url())
    };
    Ok(Queue::open(settings, role).await?)
}

pub(crate) async fn limiter(config: &Config) -> anyhow::Result<Limiter> {
    Limiter::open(limiter_config(config)).await.context("limiter.url")
}

/// What gateways remember of idempotency keys, beside the limits.
pub(crate) async fn markers(config: &Config) -> anyhow::Result<Markers> {
    let in_flight = config.queue.confirm_timeout + Duration::from_secs(1);
    Markers::open(&limiter_config(config), in_flight).await.context("limiter.url")
}

fn limiter_config(config: &Config) -> LimiterConfig {
    LimiterConfig {
        url: config.limiter.url.clone(),
        prefix: config.limiter.prefix.clone(),
        gateways: config.limiter.gateways,
        ..LimiterConfig::default()
    }
}

/// Copies the embedded queue into a file of its own, beside a running server.
pub(crate) async fn queue_backup(config: &Config, target: &Path) -> anyhow::Result<()> {
    ensure!(config.is_embedded(), "only the embedded queue is a file");
    let queue = queue(config, Role::Admin).await?;
    Ok(queue.backup_to(target).await?)
}
