//! Logs to standard error, and metrics in Prometheus' text format.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use leadgate_gateway::RenderMetrics;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat, unknown_variables};
use crate::tls;

/// Bounds of the histograms of durations, in seconds: from a local confirm to the longest time limit.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// Bounds of the histograms of sizes: submissions per group or batch.
const SIZES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// Starts logging. Called once per process.
pub(crate) fn start_logs(config: &Config) -> anyhow::Result<()> {
    let log = &config.log;
    let filter = EnvFilter::try_new(&log.filter).context("log.filter")?;
    // Always off, because lapin logs a returned message with its payload, which is personal data.
    let filter = filter.add_directive("lapin::returned_messages=off".parse()?);
    // actix-http logs every malformed request at error; clients could flood the log.
    let filter = filter.add_directive("actix_http::h1=off".parse()?);
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match log.format {
        LogFormat::Text => logs.with_ansi(false).try_init(),
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("cannot start logging: {error}"))?;
    for name in unknown_variables() {
        tracing::warn!("unknown setting in the environment is ignored: {name}");
    }
    for warning in tls::warnings(config) {
        tracing::warn!("{warning}");
    }
    Ok(())
}

/// Installs the metrics recorder. Called once per process, in a tokio runtime, before anything is opened: what is
/// counted for each request is looked up in the recorder once.
pub(crate) fn start_metrics() -> anyhow::Result<RenderMetrics> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_size".to_owned()), &SIZES)?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder)
        .map_err(|error| anyhow::anyhow!("cannot start metrics: {error}"))?;
    let upkeep = handle.clone();
    tokio::spawn(async move {
        // Histograms grow until this call, and possibly no client reads `/metrics`.
        let mut ticks = tokio::time::interval(Duration::from_secs(5));
        loop {
            ticks.tick().await;
            upkeep.run_upkeep();
        }
    });
    Ok(Arc::new(move || handle.render()))
}
