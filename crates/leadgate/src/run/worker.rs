//! Runs `leadgate-worker`.

use std::sync::Arc;

use leadgate_queue::Role;

use super::health::HealthState;
use super::store_health::StoreHealth;
use super::{components, health};
use crate::config::Config;
use crate::{ports, telemetry};

/// Runs until a signal stops it. Batches in flight are finished first.
pub(crate) async fn worker(config: Config) -> anyhow::Result<()> {
    telemetry::start_logs(&config)?;
    components::log_addresses(&config);
    let render_metrics = telemetry::start_metrics()?;
    let geolocation = components::geolocation(&config)?;
    let stop = components::stop_on_signal()?;
    config.check_shared_queue()?;
    let queue = ports::queue(&config, Role::Worker).await?;
    components::poll_queue_depth(&queue, &stop);
    let store = ports::worker_store(&config)?;
    let directory = components::directory(&store, &queue);
    let health_store = ports::health_store(&config)?;
    let store_health = StoreHealth::watch(health_store.clone(), stop.clone());
    let state = HealthState { store: store_health, intake: Some((queue.clone(), Arc::clone(&directory))) };
    let listen = ("worker.listen", config.worker.listen.as_str());
    let health = health::serve(listen, state, render_metrics, stop.clone())?;
    if let Some(match_key) = components::match_key(&health_store, &stop).await? {
        let worker = components::worker(&config, geolocation, &queue, directory, &store, match_key, &stop);
        tracing::info!(worker.concurrency = config.worker.concurrency, "worker started");
        worker.run().await;
    }
    queue.shutdown().await;
    health.await??;
    tracing::info!("worker stopped");
    Ok(())
}
