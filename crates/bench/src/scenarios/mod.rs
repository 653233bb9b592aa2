//! What is measured: one file for each scenario.

mod ack_latency;
mod acks;
mod cold_start;
mod embedded;
mod end_to_end;
mod many_stored;
mod memory;
mod sustained;
mod tenants;
mod webhooks;
mod worker;

use std::fmt;

use anyhow::Context as _;
use clap::ValueEnum;

use crate::arguments::Arguments;
use crate::installation::BenchInstallation;
use crate::machine;
use crate::page::ResultPage;
use crate::programs::ProgramFolder;
use crate::servers::BenchServers;

/// Workers of the distributed shape.
const WORKERS: usize = 2;
/// The leads that are read per second until they are visible. Reading all of them would be a load of its own.
const READS_PER_SECOND: u32 = 100;

/// A scenario, with its name at the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Scenario {
    /// Durable acks per second while no worker runs, against `echo` and `one-message`
    Acks,
    /// Latency of acks at half of that rate
    AckLatency,
    /// Leads per second of workers with a full queue, against `copy`
    Worker,
    /// From a post to the visible lead
    EndToEnd,
    /// Leads per second through gateway and workers for minutes
    Sustained,
    /// The embedded shape: acks and sustained
    Embedded,
    /// Workers with many stored leads, against an empty store
    ManyStored,
    /// Memory of gateway and worker
    Memory,
    /// Cold start
    ColdStart,
    /// Many organizations, one of which posts one phone and opt-outs
    Tenants,
    /// What events cost workers, and how fast they reach a receiver
    Webhooks,
}

impl Scenario {
    pub(crate) async fn run(self, bench: &Bench, page: &mut ResultPage) -> anyhow::Result<()> {
        match self {
            Self::Acks => acks::run(bench, page).await,
            Self::AckLatency => ack_latency::run(bench, page).await,
            Self::Worker => worker::run(bench, page).await,
            Self::EndToEnd => end_to_end::run(bench, page).await,
            Self::Sustained => sustained::run(bench, page).await,
            Self::Embedded => embedded::run(bench, page).await,
            Self::ManyStored => many_stored::run(bench, page).await,
            Self::Memory => memory::run(bench, page).await,
            Self::ColdStart => cold_start::run(bench, page).await,
            Self::Tenants => tenants::run(bench, page).await,
            Self::Webhooks => webhooks::run(bench, page).await,
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_possible_value().map_or(Ok(()), |value| formatter.write_str(value.get_name()))
    }
}

/// The servers, programs and settings of a run.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) servers: BenchServers,
    /// The measured programs.
    pub(crate) today: ProgramFolder,
    /// The programs of another revision.
    pub(crate) against: Option<ProgramFolder>,
    pub(crate) arguments: Arguments,
}

impl Bench {
    pub(crate) async fn start(arguments: Arguments) -> anyhow::Result<Self> {
        let executable = std::env::current_exe()?;
        let folder =
            arguments.programs.as_deref().or(executable.parent()).context("no folder of programs")?;
        let today = ProgramFolder::new(&arguments.commit.clone().unwrap_or_else(machine::commit), folder)?;
        let against = arguments.against.as_ref().map(|(name, folder)| ProgramFolder::new(name, folder));
        Ok(Self { against: against.transpose()?, today, servers: BenchServers::start().await?, arguments })
    }

    /// Of how many posts at the rate of the arguments one is read.
    fn read_every(&self) -> u64 {
        u64::from((self.arguments.rate / READS_PER_SECOND).max(1))
    }

    /// Starts the distributed shape of the measured programs.
    async fn distributed(&self) -> anyhow::Result<BenchInstallation> {
        BenchInstallation::distributed(&self.servers, &self.today).await
    }

    /// Starts the distributed shape of the other revision, if there is one.
    async fn distributed_against(&self) -> anyhow::Result<Option<BenchInstallation>> {
        match &self.against {
            Some(programs) => BenchInstallation::distributed(&self.servers, programs).await.map(Some),
            None => Ok(None),
        }
    }
}
