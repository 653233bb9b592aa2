//! Runs `leadgate serve`: gateway, worker and dispatcher in one process.

use std::sync::Arc;

use anyhow::Context as _;
use leadgate_queue::Role;
use leadgate_store::Directory;

use super::{components, first_start};
use crate::address_file::AddressFile;
use crate::config::Config;
use crate::ports::PolicyUpload;
use crate::{data_folder_lock, ports, telemetry};

/// Runs until a signal stops it. The gateway answers requests in flight, then the worker finishes its
/// batches, and the dispatcher its attempts.
pub(crate) async fn all_in_one(config: Config) -> anyhow::Result<()> {
    telemetry::start_logs(&config)?;
    components::log_addresses(&config);
    let render_metrics = telemetry::start_metrics()?;
    ports::prepare(&config)?;
    let _lock = if config.data.exists() { Some(data_folder_lock::take(&config)?) } else { None };
    if matches!(ports::migrate(&config).await?, PolicyUpload::ManualSetupNeeded(_)) {
        tracing::warn!(
            "queue.management_url is not set: run the commands that `leadgate migrate` prints to set the broker's \
             policies"
        );
    }
    let geolocation = components::geolocation(&config)?;
    let store = ports::store(&config)?;
    let stop = components::stop_on_signal()?;
    let queue = ports::queue(&config, Role::AllInOne).await?;

    let gateway_stop = stop.child_token();
    let gateway =
        components::gateway(&config, geolocation.clone(), &queue, &store, render_metrics, gateway_stop)
            .await?;
    let worker_stop = tokio_util::sync::CancellationToken::new();
    let worker_store = ports::worker_store(&config)?;
    let directory = Arc::new(Directory::new(worker_store.clone()));
    let Some(match_key) = components::match_key(&worker_store, &stop).await? else { return Ok(()) };
    let worker =
        components::worker(&config, geolocation, &queue, directory, &worker_store, match_key, &worker_stop);

    // The lock of the data folder is held: no other `serve` has a lease.
    if config.is_embedded() {
        store.end_all_endpoint_leases().await.context("ending the leases of a crashed dispatcher")?;
    }
    let dispatcher_stop = tokio_util::sync::CancellationToken::new();
    let dispatcher = components::dispatcher(&config, &store, dispatcher_stop.clone())?;

    empty_write_ahead_log(&store).await;
    let address = gateway.addresses().first().copied().unwrap_or(config.listen);
    let _address_file = match config.data.exists() {
        true => Some(
            AddressFile::write(&config, address)
                .context("writing the file `listening` in the data folder")?,
        ),
        false => None,
    };
    first_start::create_demo_organization(&config, address, &store).await?;
    tracing::info!(listen = %address, data = %config.data.display(), "leadgate started");
    let worker_task = tokio::spawn(worker.run());
    let dispatcher_task = tokio::spawn(dispatcher.run());
    components::poll_queue_depth(&queue, &stop);
    gateway.run().await?;
    worker_stop.cancel();
    worker_task.await?;
    dispatcher_stop.cancel();
    dispatcher_task.await?;
    queue.shutdown().await;
    empty_write_ahead_log(&store).await;
    tracing::info!("leadgate stopped");
    Ok(())
}

/// Removes deleted data from the write-ahead log. It runs at the end, and at the start because the process
/// before may have been killed.
async fn empty_write_ahead_log(store: &leadgate_store::Store) {
    match store.empty_log().await {
        Ok(true) => {}
        Ok(false) => {
            tracing::warn!("the store's write-ahead log is in use and may still contain deleted data");
        }
        Err(error) => tracing::warn!(%error, "cannot empty the store's write-ahead log"),
    }
}
