//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;

use crate::baselines::BaselineKind;
use crate::scenarios::Scenario;

/// Measures the programs of Leadgate against baselines, with private servers.
///
/// Prints a page in Markdown, and ends with an error if a lead was lost. Build the programs first: `just bench`.
#[derive(Debug, Parser)]
#[command(name = "leadgate-bench", max_term_width = 110)]
pub(crate) struct Arguments {
    /// What to measure [default: everything]
    pub(crate) scenarios: Vec<Scenario>,
    /// Folder of the programs [default: the folder of leadgate-bench]
    #[arg(long, value_name = "DIR")]
    pub(crate) programs: Option<PathBuf>,
    /// Programs of another revision, measured in turn, such as 9a7c925=/tmp/old/release
    #[arg(long, value_name = "NAME=DIR", value_parser = against)]
    pub(crate) against: Option<(String, PathBuf)>,
    /// Name of the measured revision [default: git describe]
    #[arg(long)]
    pub(crate) commit: Option<String>,
    /// Rounds that count; one for warm-up is added
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: usize,
    /// Duration of a round
    #[arg(long, default_value = "3", value_parser = seconds)]
    pub(crate) seconds: Duration,
    /// Leads in the queue before workers start
    #[arg(long, default_value_t = 40_000)]
    pub(crate) leads: u64,
    /// Duration of a sustained load
    #[arg(long, default_value = "1", value_parser = minutes)]
    pub(crate) minutes: Duration,
    /// Posts per second of the end-to-end scenarios
    #[arg(long, default_value_t = 1_000)]
    pub(crate) rate: u32,
    /// Leads that are stored before `many-stored`, about 5 kB each
    #[arg(long, default_value_t = 200_000)]
    pub(crate) stored: u64,
    /// Organizations in `tenants`
    #[arg(long, default_value_t = 1_000)]
    pub(crate) tenants: usize,
    /// Also write the page to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,

    /// Serve this baseline, in a process that leadgate-bench starts
    #[arg(long, hide = true, requires = "listen")]
    pub(crate) baseline: Option<BaselineKind>,
    #[arg(long, hide = true)]
    pub(crate) listen: Option<SocketAddr>,
    #[arg(long, hide = true, default_value = "")]
    pub(crate) amqp_url: String,
}

fn against(text: &str) -> anyhow::Result<(String, PathBuf)> {
    let (name, folder) = text.split_once('=').context("expected NAME=DIR")?;
    Ok((name.to_owned(), folder.into()))
}

fn seconds(text: &str) -> anyhow::Result<Duration> {
    Ok(Duration::try_from_secs_f64(text.parse()?)?)
}

fn minutes(text: &str) -> anyhow::Result<Duration> {
    Ok(Duration::try_from_secs_f64(text.parse::<f64>()? * 60.0)?)
}
