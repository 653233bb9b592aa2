//! `leadgate-worker`: takes submissions off the queue and makes leads of them.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use tokio::runtime::Runtime;

use crate::config::Flags;
use crate::run;

/// Takes submissions off the queue and makes leads of them; start as many as needed.
#[derive(Parser)]
#[command(name = "leadgate-worker", version)]
struct WorkerArguments {
    #[command(flatten)]
    flags: Flags,
}

/// Reads the command line and runs until it is told to stop.
pub(super) fn worker() -> ExitCode {
    let arguments = WorkerArguments::parse();
    let program = async { run::worker(super::configuration(&arguments.flags, None)?).await };
    let runtime = match Runtime::new().context("starting threads") {
        Ok(runtime) => runtime,
        Err(error) => return run::report(&error),
    };
    let ended = runtime.block_on(run::exit(program));
    // A thread may still wait for a database that is away. Nothing depends on it: its batch was given back.
    runtime.shutdown_background();
    ended
}
