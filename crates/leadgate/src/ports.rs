//! Opens the adapters of store, queue and limiter. This is the only place that selects them by their URLs.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use leadgate_limiter::{IdempotencyMarkers, Limiter, LimiterConfig};
use leadgate_queue::{Queue, QueueConfig, Role};
use leadgate_store::{Store, StoreConfig};

use crate::config::Config;
use crate::{secret, tls};

/// Creates the data folder, readable by its owner only, if store or queue is a file.
pub(crate) fn prepare(config: &Config) -> anyhow::Result<()> {
    let uses_files = [config.store_url(), config.queue_url()].iter().any(|url| url.starts_with("sqlite:"));
    if !uses_files || config.data.exists() {
        return Ok(());
    }
    use std::os::unix::fs::DirBuilderExt as _;
    let folder = fs::DirBuilder::new().recursive(true).mode(0o700).create(&config.data);
    folder.with_context(|| format!("creating the data folder {}", config.data.display()))
}

/// Whether `migrate` uploaded the broker's policies.
pub(crate) enum PolicyUpload {
    /// The queue is a file.
    NotNeeded,
    Uploaded,
    /// No management interface is configured. An operator must run these commands.
    ManualSetupNeeded(Vec<String>),
}

/// Migrates the database schema, and declares the broker's queues and policies. Only this function and
/// [`add_shards`] do so; the programs verify them.
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

/// Declares the broker's queues up to `shards`, and then stores the number, so that all running programs use
/// them.
pub(crate) async fn add_shards(config: &Config, store: &Store, shards: u16) -> anyhow::Result<()> {
    declare_queues(&tls::queue_url(config), shards).await?;
    Ok(store.raise_shards(shards).await?)
}

async fn declare_queues(url: &str, shards: u16) -> anyhow::Result<()> {
    leadgate_queue::declare_topology(&QueueConfig::new(url).with_shards(shards))
        .await
        .context("declaring queues")
}

/// The store with short time limits, for requests and commands.
pub(crate) fn store(config: &Config) -> anyhow::Result<Store> {
    let settings = StoreConfig {
        pool_size: config.store.pool_size,
        default_region: config.default_region()?,
        ..StoreConfig::api(tls::store_url(config))
    };
    Store::open(&settings.with_secret(&secret::load(config)?)).context("store.url")
}

/// The store with long time limits, for workers: after a short one a worker would only retry the same batch.
pub(crate) fn worker_store(config: &Config) -> anyhow::Result<Store> {
    let pool_size = config.store.pool_size.max(u32::try_from(config.worker.concurrency).unwrap_or(u32::MAX));
    let settings = StoreConfig { pool_size, ..StoreConfig::worker(tls::store_url(config)) };
    Store::open(&settings.with_secret(&secret::load(config)?)).context("store.url")
}

/// The store for the health checks of a worker. It has a separate connection, so that batches do not delay
/// the checks.
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
        max_file_bytes: config.queue.max_size.as_u64(),
        ..QueueConfig::new(tls::queue_url(config))
    };
    Ok(Queue::open(settings, role).await?)
}

pub(crate) async fn limiter(config: &Config) -> anyhow::Result<Limiter> {
    Limiter::open(limiter_config(config)).await.context("limiter.url")
}

/// The gateways' markers of idempotency keys. They are stored where the limiter counts.
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

/// Copies the embedded queue into the file `target`. The server may be running.
pub(crate) async fn queue_backup(config: &Config, target: &Path) -> anyhow::Result<()> {
    ensure!(config.is_embedded(), "only the queue of the embedded shape can be copied into a file");
    let queue = queue(config, Role::Admin).await?;
    Ok(queue.backup_to(target).await?)
}
