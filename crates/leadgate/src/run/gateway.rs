//! Runs `leadgate-gateway`.

use leadgate_queue::Role;

use super::components;
use crate::config::Config;
use crate::{ports, telemetry};

/// Runs until a signal stops it. Requests in flight are answered first.
pub(crate) async fn gateway(config: Config) -> anyhow::Result<()> {
    telemetry::start_logs(&config)?;
    components::log_addresses(&config);
    let render_metrics = telemetry::start_metrics()?;
    let geolocation = components::geolocation(&config)?;
    let stop = components::stop_on_signal()?;
    config.check_shared_queue()?;
    let queue = ports::queue(&config, Role::Gateway).await?;
    components::poll_queue_depth(&queue, &stop);
    let store = ports::store(&config)?;
    components::refuse_wrong_secret(&store).await?;
    let gateway = components::gateway(&config, geolocation, &queue, &store, render_metrics, stop).await?;
    let listen = gateway.addresses().first().copied().unwrap_or(config.listen);
    tracing::info!(%listen, "gateway started");
    gateway.run().await?;
    queue.shutdown().await;
    tracing::info!("gateway stopped");
    Ok(())
}
