//! What every store keeps to, over both adapters.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod commit;
mod directory;
mod faults;
mod hooked;
mod opening;
mod plans;
mod races;
mod reads;
mod refusals;
mod suppressions;
mod values;
mod world;
