//! End-to-end tests: the real programs, with real servers, in both shapes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a test may panic"
)]

mod audit;
mod backup;
mod cli;
mod consent;
mod conservation;
mod crash;
mod duplicates;
mod erasure;
mod faults;
mod first_start;
mod geolocation;
mod idempotency;
mod lifecycle;
mod limits;
mod mappings;
mod memory;
mod metrics;
mod organizations;
mod phone_inputs;
mod queue;
mod reprocessing;
mod requeued_messages;
mod rotation;
mod scores;
mod store_unavailable;
mod suppression;
mod systems;
mod tour;
mod usage_errors;
mod webhook_chaos;
mod webhooks;
mod world;
