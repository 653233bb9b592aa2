//! Administration of sources, keys and leads, over both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod again;
mod keys;
mod leads;
mod people;
mod settings;
mod sources;
mod world;
