//! What every store keeps to, over both adapters.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod audit;
mod builds;
mod commit;
mod directory;
mod faults;
mod hooked;
mod keys;
mod mappings;
mod opening;
mod plans;
mod quarantine;
mod races;
mod reads;
mod refusals;
mod releases;
mod reports;
mod sources;
mod suppressions;
mod tags;
mod values;
mod world;
