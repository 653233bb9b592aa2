//! Runs `leadgate-dispatcher`.

use super::health::HealthState;
use super::store_health::StoreHealth;
use super::{components, health};
use crate::config::Config;
use crate::{ports, telemetry};

/// Runs until a signal stops it. Attempts in flight are finished and recorded first.
pub(crate) async fn dispatcher(config: Config) -> anyhow::Result<()> {
    telemetry::start_logs(&config)?;
    components::log_addresses(&config);
    let render_metrics = telemetry::start_metrics()?;
    let stop = components::stop_on_signal()?;
    let store = ports::store(&config)?;
    components::refuse_wrong_secret(&store).await?;
    let dispatcher = components::dispatcher(&config, &store, stop.clone())?;
    let state =
        HealthState { store: StoreHealth::watch(ports::health_store(&config)?, stop.clone()), intake: None };
    let listen = ("dispatcher.listen", config.dispatcher.listen.as_str());
    let health = health::serve(listen, state, render_metrics, stop)?;
    tracing::info!("dispatcher started");
    dispatcher.run().await;
    health.await??;
    tracing::info!("dispatcher stopped");
    Ok(())
}
