//! `leadgate-dispatcher`: sends events about leads to endpoints.

use std::process::ExitCode;

use clap::Parser;

use crate::config::Flags;
use crate::run;

/// Sends events about leads to endpoints; start as many as needed
#[derive(Parser)]
#[command(name = "leadgate-dispatcher", version)]
struct DispatcherArguments {
    #[command(flatten)]
    flags: Flags,
}

/// Parses the command line and runs until a signal stops it.
#[tokio::main]
pub(super) async fn dispatcher() -> ExitCode {
    let arguments = DispatcherArguments::parse();
    run::exit(async { run::dispatcher(super::configuration(&arguments.flags, None)?).await }).await
}
