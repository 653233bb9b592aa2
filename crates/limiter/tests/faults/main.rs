//! Redis stopped, frozen, slow or without its data: every request is decided in time, and limited.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod gateways;
mod lost_data;
mod markers;
mod unreachable;
