//! The one place where a URL becomes an adapter.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use leadgate_limiter::{IdempotencyMarkers, Limiter, LimiterConfig};
use leadgate_queue::{Queue, QueueConfig, Role};
use leadgate_store::{Store, StoreConfig};

use crate::config::Config;
use crate::{secret, tls};

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

/// What `migrate` did about the broker's policies.
pub(crate) enum PolicyUpload {
    /// There is no broker.
    NotNeeded,
    Uploaded,
    /// No management interface is configured; these commands set them.
    ManualSetupNeeded(Vec<String>),
}

/// Brings the database's schema, and the broker's queues and policies, to what this build needs. Beside
/// [`add_shards`] the only place that declares them; all programs verify.
pub(crate) async fn migrate(config: &Config) -> anyhow::Result<PolicyUpload> {
    config.check_shape()?;
    let store = store(config)?;
    store.migrate().await.context("migrating the store")?;
    let (url, management) = (tls::queue_url(config), config.queue.management_url.as_str());
    if url.starts_with("sqlite:") {
        return Ok(PolicyUpload::NotNeeded);
    }
    declare_queues(&url, store.shards().await?).await?;
    if management.is_empty() {
        return Ok(PolicyUpload::ManualSetupNeeded(leadgate_queue::policy_commands(&url)?));
    }
    leadgate_queue::upload_policies(&url, management).await.context("queue.management_url")?;
    Ok(PolicyUpload::Uploaded)
}

/// Declares the broker's queues up to `shards`, then has every running program use them.
pub(crate) async fn add_shards(config: &Config, store: &Store, shards: u16) -> anyhow::Result<()> {
    declare_queues(&tls::queue_url(config), shards).await?;
    Ok(store.raise_shards(shards).await?)
}

async fn declare_queues(url: &str, shards: u16) -> anyhow::Result<()> {
    leadgate_queue::declare_topology(&QueueConfig::new(url).with_shards(shards))
        .await
        .context("declaring queues")
}

/// The store, for callers with a waiting client or operator.
pub(crate) fn store(config: &Config) -> anyhow::Result<Store> {
    let settings = StoreConfig {
        pool_size: config.store.pool_size,
        default_region: config.default_region()?,
        ..StoreConfig::api(tls::store_url(config))
    };
    Store::open(&settings.with_secret(&secret::load(config)?)).context("store.url")
}

/// The store, for a worker: it would only come back with the same batch.
pub(crate) fn worker_store(config: &Config) -> anyhow::Result<Store> {
    let pool_size = config.store.pool_size.max(u32::try_from(config.worker.lanes).unwrap_or(u32::MAX));
    let settings = StoreConfig { pool_size, ..StoreConfig::worker(tls::store_url(config)) };
    Store::open(&settings.with_secret(&secret::load(config)?)).context("store.url")
}

/// The store, for the health checks of a worker: with a connection of its own, so that busy batches do not delay them.
pub(crate) fn health_store(config: &Config) -> anyhow::Result<Store> {
    let settings = StoreConfig {
        pool_size: 1,
        acquire_timeout: Duration::from_secs(1),
        call_timeout: Duration::from_secs(2),
        ..StoreConfig::api(tls::store_url(config))
    };
    Store::open(&settings.with_secret(&secret::load(config)?)).context("store.url")
}

pub(crate) async fn queue(config: &Config, role: Role) -> anyhow::Result<Queue> {
    config.check_shape()?;
    let settings = QueueConfig {
        confirm_timeout: config.queue.confirm_timeout,
        prefetch: config.queue.prefetch,
        max_bytes: config.queue.max_size.as_u64(),
        ..QueueConfig::new(tls::queue_url(config))
    };
    Ok(Queue::open(settings, role).await?)
}

pub(crate) async fn limiter(config: &Config) -> anyhow::Result<Limiter> {
    Limiter::open(limiter_config(config)).await.context("limiter.url")
}

/// What gateways remember of idempotency keys, beside the limits.
pub(crate) async fn markers(config: &Config) -> anyhow::Result<IdempotencyMarkers> {
    let in_flight = config.queue.confirm_timeout + Duration::from_secs(1);
    IdempotencyMarkers::open(&limiter_config(config), in_flight).await.context("limiter.url")
}

fn limiter_config(config: &Config) -> LimiterConfig {
    LimiterConfig {
        url: config.limiter.url.clone(),
        ca_file: tls::ca_file(config),
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
