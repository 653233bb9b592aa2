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

pub use lane::{ConsumerTask, RoundResult};
pub use worker::{Worker, WorkerConfig, WorkerDependencies};
