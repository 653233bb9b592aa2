//! `leadgate serve`: gateway and worker in one process.

use std::sync::Arc;

use anyhow::Context as _;
use leadgate_queue::Role;
use leadgate_store::Directory;

use super::{first_start, parts};
use crate::config::Config;
use crate::{lock, ports, telemetry};

/// Runs until told to stop: the gateway answers what is in flight, then the worker finishes its batches.
pub(crate) async fn all_in_one(config: Config) -> anyhow::Result<()> {
    telemetry::start_logs(&config.log)?;
    parts::log_addresses(&config);
    let render = telemetry::start_metrics()?;
    ports::prepare(&config)?;
    let _lock = if config.data.exists() { Some(lock::take(&config)?) } else { None };
    ports::migrate(&config).await?;
    let places = parts::places(&config)?;
    let store = ports::store(&config)?;
    let stop = parts::stop_on_signal()?;
    let queue = ports::queue(&config, Role::AllInOne).await?;

    let gateway_stop = stop.child_token();
    let gateway = parts::gateway(&config, places.clone(), &queue, &store, render, gateway_stop).await?;
    let worker_stop = tokio_util::sync::CancellationToken::new();
    let worker_store = ports::worker_store(&config)?;
    let directory = Arc::new(Directory::new(worker_store.clone()));
    let worker = parts::worker(&config, places, &queue, directory, &worker_store, &worker_stop).await?;
    let worker = worker.context("told to stop before the start")?;

    first_start::greet(&config, &store).await?;
    tracing::info!(listen = %config.listen, data = %config.data.display(), "leadgate started");
    let working = tokio::spawn(worker.run());
    gateway.run().await?;
    worker_stop.cancel();
    working.await?;
    queue.shutdown().await;
    tracing::info!("leadgate stopped");
    Ok(())
}
