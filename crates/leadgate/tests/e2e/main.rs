//! The real programs over real sockets, in both shapes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a test that cannot go on has failed"
)]

mod audit;
mod backup;
mod cli;
mod consent;
mod conservation;
mod crash;
mod duplicates;
mod erasing;
mod faults;
mod first_lead;
mod idempotency;
mod limits;
mod metrics;
mod places;
mod queue;
mod reprocessing;
mod returned;
mod rotation;
mod scores;
mod suppressing;
mod systems;
mod world;
