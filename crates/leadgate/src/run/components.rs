//! The components of which the programs are built.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use leadgate_dispatcher::{AddressGuard, Dispatcher, DispatcherConfig, EgressProxy};
use leadgate_domain::Network;
use leadgate_domain::secret::MatchKey;
use leadgate_gateway::{Gateway, GatewayConfig, GatewayDependencies, RenderMetrics};
use leadgate_pipeline::{GeoDatabase, Pipeline};
use leadgate_queue::Queue;
use leadgate_store::{Directory, Store, StoreError};
use leadgate_worker::{Worker, WorkerConfig};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::{ports, secret};

/// The pause between two attempts to reach an unavailable store at the start.
const STORE_RETRY_DELAY: Duration = Duration::from_secs(1);

/// Logs the servers or files that this process uses.
pub(super) fn log_addresses(config: &Config) {
    let [store, queue, limiter] = config.addresses();
    tracing::info!(store.url = store, queue.url = queue, limiter.url = limiter, "starting");
}

/// A token that SIGTERM or SIGINT cancels. A second signal ends the process at once.
pub(super) fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let signalled = stop.clone();
    tokio::spawn(async move {
        for is_second_signal in [false, true] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if is_second_signal {
                std::process::exit(130);
            }
            tracing::info!("stopping: finishing requests and batches in flight");
            signalled.cancel();
        }
    });
    Ok(stop)
}

/// The match key of the store. Waits while the store is unavailable; `None` if `stop` is cancelled meanwhile.
pub(super) async fn match_key(store: &Store, stop: &CancellationToken) -> anyhow::Result<Option<MatchKey>> {
    let mut is_logged = false;
    loop {
        match stop.run_until_cancelled(store.match_key()).await {
            None => return Ok(None),
            Some(Ok(key)) => return Ok(Some(key)),
            Some(Err(error)) if error.is_transient() => {
                if !std::mem::replace(&mut is_logged, true) {
                    tracing::warn!("waiting for the store: {error}");
                }
            }
            Some(Err(error)) => return Err(error.into()),
        }
        if stop.run_until_cancelled(tokio::time::sleep(STORE_RETRY_DELAY)).await.is_none() {
            return Ok(None);
        }
    }
}

/// Fails if the secret is not that of the store. An unavailable store is checked again later.
pub(super) async fn refuse_wrong_secret(store: &Store) -> anyhow::Result<()> {
    match store.match_key().await {
        Err(error @ StoreError::WrongSecret { .. }) => Err(error.into()),
        _ => Ok(()),
    }
}

/// The geolocation database, if one is configured.
pub(crate) fn geolocation(config: &Config) -> anyhow::Result<Option<Arc<GeoDatabase>>> {
    let file = config.geolocation.database.as_str();
    if file.is_empty() {
        return Ok(None);
    }
    let geolocation =
        GeoDatabase::open(Path::new(file)).with_context(|| format!("geolocation.database: {file}"))?;
    Ok(Some(Arc::new(geolocation)))
}

/// The directory of the store. The queue gets the number of shards from it.
pub(super) fn directory(store: &Store, queue: &Queue) -> Arc<Directory> {
    let directory = Arc::new(Directory::new(store.clone()));
    queue.follow_shards(directory.shards());
    directory
}

/// Spawns the task that reads the depth of the queue for metrics and readiness.
pub(super) fn poll_queue_depth(queue: &Queue, stop: &CancellationToken) {
    let (queue, stop) = (queue.clone(), stop.clone());
    tokio::spawn(async move { queue.poll_depth(&stop).await });
}

/// A gateway with these dependencies, with its address bound.
pub(super) async fn gateway(
    config: &Config,
    geolocation: Option<Arc<GeoDatabase>>,
    queue: &Queue,
    store: &Store,
    render_metrics: RenderMetrics,
    stop: CancellationToken,
) -> anyhow::Result<Gateway> {
    let secret = secret::load(config)?;
    let settings = GatewayConfig {
        threads: config.gateway.threads,
        body_limit: usize::try_from(config.gateway.body_limit.as_u64())?,
        body_timeout: config.gateway.body_timeout,
        shutdown_timeout: config.gateway.shutdown_timeout,
        snapshot_max_age: config.auth.snapshot_max_age,
        trusted_proxies: networks("gateway.trusted_proxies", &config.gateway.trusted_proxies)?,
        reply_timeout: config.gateway.reply_timeout,
        metrics_listen: match config.gateway.metrics_listen.as_str() {
            "" => None,
            address => Some(address.parse().with_context(|| format!("gateway.metrics_listen: {address}"))?),
        },
        public_url: Some(config.gateway.public_url.clone()).filter(|url| !url.is_empty()),
        ..GatewayConfig::default()
    };
    let dependencies = GatewayDependencies {
        store: store.clone(),
        directory: directory(store, queue),
        queue: queue.clone(),
        limiter: ports::limiter(config).await?,
        markers: ports::markers(config).await?,
        pepper: secret.api_keys(),
        id_key: secret.ids(),
        source_signing_key: secret.signatures(),
        export_signing_key: secret.export_signatures(),
        geolocation,
        render_metrics,
    };
    Gateway::bind(config.listen, dependencies, settings, stop)
        .with_context(|| format!("listening on {}", config.listen))
}

fn networks(setting: &str, texts: &[String]) -> anyhow::Result<Vec<Network>> {
    let read = |text: &String| text.parse().map_err(|error| anyhow::anyhow!("{setting}: {text}: {error}"));
    texts.iter().map(read).collect()
}

fn egress_proxy(config: &Config) -> anyhow::Result<Option<EgressProxy>> {
    let url = config.dispatcher.proxy.trim();
    let except = config.dispatcher.no_proxy.iter().map(|text| host_without_proxy(text));
    let except = except.collect::<anyhow::Result<_>>()?;
    if url.is_empty() {
        return Ok(None);
    }
    let url = url.parse().context("dispatcher.proxy")?;
    tracing::info!("requests to endpoints go through a proxy, which must refuse private addresses");
    Ok(Some(EgressProxy { url, except }))
}

/// An entry as the HTTP client compares it. The client ignores what it cannot read.
fn host_without_proxy(text: &str) -> anyhow::Result<String> {
    let text = text.trim();
    if text.parse::<Network>().is_ok() {
        return Ok(text.to_owned());
    }
    match url::Host::parse(text.strip_prefix('.').unwrap_or(text)) {
        Ok(url::Host::Domain(name)) if !name.contains(['*', ',']) => {
            Ok(name.trim_end_matches('.').to_owned())
        }
        _ => anyhow::bail!(
            "dispatcher.no_proxy: `{text}` is not a host or a network; expected one such as crm.internal or 10.1.0.0/16, \
             without a port"
        ),
    }
}

/// A dispatcher over this store.
pub(super) fn dispatcher(
    config: &Config,
    store: &Store,
    stop: CancellationToken,
) -> anyhow::Result<Dispatcher> {
    let allowed = networks("dispatcher.allowed_networks", &config.dispatcher.allowed_networks)?;
    let proxy = egress_proxy(config)?;
    let settings = DispatcherConfig {
        connections: config.dispatcher.connections.max(1),
        guard: AddressGuard::new(allowed),
        proxy,
        ..DispatcherConfig::default()
    };
    Dispatcher::new(store.clone(), settings, stop).context("starting the HTTP client of the dispatcher")
}

/// A worker with these dependencies.
pub(super) fn worker(
    config: &Config,
    geolocation: Option<Arc<GeoDatabase>>,
    queue: &Queue,
    directory: Arc<Directory>,
    store: &Store,
    match_key: MatchKey,
    stop: &CancellationToken,
) -> Worker {
    let settings = WorkerConfig {
        concurrency: config.worker.concurrency,
        prefetch: usize::from(config.queue.prefetch),
        batch: config.worker.batch,
        unavailable_timeout: config.worker.unavailable_timeout,
    };
    let pipeline = Arc::new(Pipeline::new(match_key).with_geolocation(geolocation));
    let dependencies = leadgate_worker::WorkerDependencies {
        queue: queue.clone(),
        store: store.clone(),
        directory,
        judge: pipeline.clone(),
        pipeline,
    };
    Worker::new(dependencies, settings, stop.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str) -> anyhow::Result<Option<Arc<GeoDatabase>>> {
        let mut config = Config::default();
        file.clone_into(&mut config.geolocation.database);
        geolocation(&config)
    }

    #[test]
    fn places_are_read_from_the_configured_database() {
        assert!(read("").unwrap().is_none());
        let reno = concat!(env!("CARGO_MANIFEST_DIR"), "/../pipeline/src/geolocation/reno.mmdb");
        let location = read(reno).unwrap().unwrap().find("12.0.0.1".parse().unwrap()).unwrap();
        assert_eq!(location.city.as_deref(), Some("Reno"));
        for file in ["/nowhere/at/all.mmdb", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")] {
            let Err(error) = read(file) else { panic!("{file} was read") };
            assert!(
                format!("{error:#}").starts_with(&format!("geolocation.database: {file}: ")),
                "{error:#}"
            );
        }
    }
}
