#![doc = include_str!("../README.md")]

mod batch;
mod commit;
mod isolate;
mod lane;
mod worker;

pub use lane::{Lane, Progress};
pub use worker::{Parts, Worker, WorkerConfig};
