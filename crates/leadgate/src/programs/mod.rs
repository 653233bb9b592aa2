//! The command lines of the four programs, and what they start. `main.rs` and `bin/` only call these
//! functions.
//!
//! An async function is compiled in the crate that runs it. If each program ran them itself, each would
//! compile all of Leadgate again.

mod dispatcher;
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

pub fn dispatcher() -> ExitCode {
    start(dispatcher::dispatcher)
}

pub fn gateway() -> ExitCode {
    start(gateway::gateway)
}

pub fn leadgate() -> ExitCode {
    start(leadgate::leadgate)
}

pub fn worker() -> ExitCode {
    start(worker::worker)
}

/// The active configuration. Its errors are usage errors, because the caller can correct them.
fn configuration(flags: &Flags, listen: Option<SocketAddr>) -> Result<Config, UsageError> {
    Config::load(flags, listen).map_err(|error| UsageError::invalid_arguments(format!("{error:#}")))
}

/// Configures the allocator first, because `program` creates a runtime, which starts threads.
fn start(program: fn() -> ExitCode) -> ExitCode {
    allocator::return_freed_memory();
    program()
}
