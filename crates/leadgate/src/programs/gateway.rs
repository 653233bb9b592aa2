//! `leadgate-gateway`: takes leads in over HTTP.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;

use crate::commands::arguments::address;
use crate::config::Flags;
use crate::run;

/// Takes leads in over HTTP and answers when they are durable; start as many as needed.
#[derive(Parser)]
#[command(name = "leadgate-gateway", version)]
struct GatewayArguments {
    #[command(flatten)]
    flags: Flags,
    /// Address to listen on [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    listen: Option<SocketAddr>,
}

/// Reads the command line and runs until it is told to stop.
#[tokio::main]
pub(super) async fn gateway() -> ExitCode {
    let arguments = GatewayArguments::parse();
    run::exit(async { run::gateway(super::configuration(&arguments.flags, arguments.listen)?).await }).await
}
