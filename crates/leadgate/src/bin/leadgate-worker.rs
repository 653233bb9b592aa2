//! `leadgate-worker`: takes submissions off the queue and makes leads of them.

use std::process::ExitCode;

use clap::Parser;
use leadgate::config::{Config, Flags};
use leadgate::run;

/// Takes submissions off the queue and makes leads of them; start as many as needed.
#[derive(Parser)]
#[command(name = "leadgate-worker", version, about)]
struct Arguments {
    #[command(flatten)]
    flags: Flags,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    run::exit(async { run::worker(Config::load(&arguments.flags, None)?).await }).await
}
