//! The three programs from their command lines on; `main.rs` and `bin/` only call them.
//!
//! An async function is compiled where it is run. Programs that ran them by themselves would each compile all of
//! Leadgate once more.

mod gateway;
mod leadgate;
mod worker;

use std::process::ExitCode;

use crate::allocator;

pub fn gateway() -> ExitCode {
    start(gateway::gateway)
}

pub fn leadgate() -> ExitCode {
    start(leadgate::leadgate)
}

pub fn worker() -> ExitCode {
    start(worker::worker)
}

/// The runtime that `program` makes starts threads.
fn start(program: fn() -> ExitCode) -> ExitCode {
    allocator::return_large_blocks();
    program()
}
