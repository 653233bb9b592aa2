//! A dispatcher over a real store, which sends to real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod answers;
mod limits;
mod proxy;
mod rebinding;
mod requests;
mod templates;
mod world;
