//! Tests the gateway over real HTTP with the embedded adapters. Each test has its own gateway, queue and
//! store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(clippy::print_stdout, reason = "the numbers of long runs, with --nocapture")]

mod accepting;
mod administering;
mod agreeing;
mod audit;
mod authentication;
mod bad_input;
mod bodies;
mod credentials;
mod endpoints;
mod exports;
mod heads;
mod idempotency;
mod lifecycle;
mod limits;
mod logs;
mod long_operations;
mod nasty;
mod operators;
mod outage;
mod parameters;
mod raw;
mod reading;
mod refusals;
mod reports;
mod request_ids;
mod scoring;
mod shutdown;
mod suppressing;
mod tenants;
mod trusting;
mod validating;
mod visitors;
mod waiting;
mod world;
