#![doc = include_str!("../README.md")]

mod batch;
mod commit;
mod in_hand;
mod isolate;
mod lane;
mod no_contact;
mod patience;
mod rescreens;
mod sweep;
mod tell;
mod worker;

pub use lane::{Lane, Progress};
pub use worker::{Parts, Worker, WorkerConfig};
