//! The three programs from their command lines on; `main.rs` and `bin/` only call them.
//!
//! An async function is compiled where it is run. Programs that ran them by themselves would each compile all of
//! Leadgate once more.

mod gateway;
mod leadgate;
#[cfg(test)]
mod reference;
mod worker;

use std::net::SocketAddr;
use std::process::ExitCode;

use crate::allocator;
use crate::commands::UsageError;
use crate::config::{Config, Flags};

pub fn gateway() -> ExitCode {
    start(gateway::gateway)
}

pub fn leadgate() -> ExitCode {
    start(leadgate::leadgate)
}

pub fn worker() -> ExitCode {
    start(worker::worker)
}

/// The configuration in force; what is wrong with it the caller can correct, as arguments.
fn configuration(flags: &Flags, listen: Option<SocketAddr>) -> Result<Config, UsageError> {
    Config::load(flags, listen).map_err(|error| UsageError::invalid_arguments(format!("{error:#}")))
}

/// The runtime that `program` makes starts threads.
fn start(program: fn() -> ExitCode) -> ExitCode {
    allocator::return_large_blocks();
    program()
}
