//! The contract of the store, tested on PostgreSQL and SQLite.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

mod audit;
mod builds;
mod clocks;
mod commit;
mod consents;
mod directory;
mod dispatch;
mod erased_late;
mod erasure;
mod events;
mod explain;
mod faults;
mod hammer;
mod hooked_judge;
mod identity;
mod keys;
mod lead_changes;
mod lead_filters;
mod mappings;
mod newer;
mod opening;
mod orders;
mod organizations;
mod plans;
mod quarantine;
mod quotas;
mod races;
mod reads;
mod rebuilding;
mod refusals;
mod releases;
mod reports;
mod rescreening;
mod retention;
mod schema;
mod scorings;
mod sources;
mod suppressions;
mod tags;
mod take_overs;
mod tls;
mod trust;
mod values;
mod world;
