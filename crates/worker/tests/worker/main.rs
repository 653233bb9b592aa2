//! A worker stepped by hand, over an embedded queue and a real PostgreSQL that can be broken.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod releasing;
mod rescreening;
mod scoring;
mod settling;
mod telling;
mod world;
