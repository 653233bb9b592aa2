//! What each dialect answers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod accepted;
mod lists;
mod refused;
mod settled;
mod world;
