//! The three programs from their command lines on; `main.rs` and `bin/` only call them.
//!
//! An async function is compiled where it is run. Programs that ran them by themselves would each compile all of
//! Leadgate once more.

mod gateway;
mod leadgate;
mod worker;

pub use self::gateway::gateway;
pub use self::leadgate::leadgate;
pub use self::worker::worker;
