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
mod first_start;
mod idempotency;
mod lifecycle;
mod limits;
mod mappings;
mod memory;
mod metrics;
mod organizations;
mod places;
mod queue;
mod reprocessing;
mod returned;
mod rotation;
mod scores;
mod store_away;
mod suppressing;
mod systems;
mod ways_in;
mod world;
mod wrong_use;
