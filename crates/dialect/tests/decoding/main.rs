//! What each dialect understands of what its clients send.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod abc_sales;
mod askad;
mod five_hundred_leads;
mod forms;
mod kickofflabs;
mod lead2inbound;
mod mapping;
mod multipart;
mod names;
mod nothing_lost;
mod opting_out;
mod people;
mod reading;
