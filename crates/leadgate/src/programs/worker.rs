//! `leadgate-worker`: takes submissions off the queue and makes leads of them.

use std::process::ExitCode;

use clap::Parser;

use crate::config::{Config, Flags};
use crate::run;

/// Takes submissions off the queue and makes leads of them; start as many as needed.
#[derive(Parser)]
#[command(name = "leadgate-worker", version)]
struct Arguments {
    #[command(flatten)]
    flags: Flags,
}

/// Reads the command line and runs until it is told to stop.
#[tokio::main]
pub(super) async fn worker() -> ExitCode {
    let arguments = Arguments::parse();
    run::exit(async { run::worker(Config::load(&arguments.flags, None)?).await }).await
}
