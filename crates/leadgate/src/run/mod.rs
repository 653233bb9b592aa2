//! Runs the four programs, which are built from the same components.

mod all_in_one;
mod components;
mod dispatcher;
mod first_start;
mod gateway;
mod health;
mod store_health;
mod worker;

pub(crate) use all_in_one::all_in_one;
pub(crate) use components::geolocation;
pub(crate) use dispatcher::dispatcher;
pub(crate) use gateway::gateway;
pub(crate) use worker::worker;

use std::io::Write as _;
use std::process::ExitCode;

use crate::usage_error::UsageError;

/// Runs a program to its end and prints its error, if any, to standard error.
pub(crate) async fn exit(program: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    match program.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

/// Prints the error of a program to standard error.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "leadgate: {error:#}");
    UsageError::exit_code(error)
}
