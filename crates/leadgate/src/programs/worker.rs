//! `leadgate-worker`: consumes submissions from the queue and stores leads.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use tokio::runtime::Runtime;

use crate::config::Flags;
use crate::run;

/// Consumes submissions from the queue and stores leads; start as many as needed
#[derive(Parser)]
#[command(name = "leadgate-worker", version)]
struct WorkerArguments {
    #[command(flatten)]
    flags: Flags,
}

/// Parses the command line and runs until a signal stops it.
pub(super) fn worker() -> ExitCode {
    let arguments = WorkerArguments::parse();
    let program = async { run::worker(super::configuration(&arguments.flags, None)?).await };
    let runtime = match Runtime::new().context("starting threads") {
        Ok(runtime) => runtime,
        Err(error) => return run::report(&error),
    };
    let exit_code = runtime.block_on(run::exit(program));
    // A thread may still wait for an unavailable database. It is not awaited, because its batch was returned
    // to the queue.
    runtime.shutdown_background();
    exit_code
}
