//! A worker that the tests step, over an embedded queue and a real PostgreSQL with faults.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic fails the test"
)]

mod releasing;
mod replies;
mod rescreening;
mod scoring;
mod settling;
mod world;
