//! What each dialect decodes from its clients' requests.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic fails the test"
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
