//! `leadgate-gateway`: receives leads over HTTP.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;

use crate::commands::arguments::address;
use crate::config::Flags;
use crate::run;

/// Receives leads over HTTP and accepts them when they are durable in the queue; start as many as needed
#[derive(Parser)]
#[command(name = "leadgate-gateway", version)]
struct GatewayArguments {
    #[command(flatten)]
    flags: Flags,
    /// Address to listen on [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    listen: Option<SocketAddr>,
}

/// Parses the command line and runs until a signal stops it.
#[tokio::main]
pub(super) async fn gateway() -> ExitCode {
    let arguments = GatewayArguments::parse();
    run::exit(async { run::gateway(super::configuration(&arguments.flags, arguments.listen)?).await }).await
}
