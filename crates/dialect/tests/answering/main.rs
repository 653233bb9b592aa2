//! The responses of each dialect.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic fails the test"
)]

mod accepted;
mod lists;
mod outbound;
mod outcomes;
mod refused;
mod world;
