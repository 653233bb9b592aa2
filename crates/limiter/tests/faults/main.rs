//! Redis stopped, frozen, slow, emptied: everyone is answered in time, and limited (fault matrix F24, F25).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod forgetful;
mod gateways;
mod markers;
mod unreachable;
