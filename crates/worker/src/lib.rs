#![doc = include_str!("../README.md")]

mod backlog_age;
mod backoff;
mod batch;
mod commit;
mod consumer_task;
mod isolate;
mod no_contact;
mod replies;
mod rescreen_runner;
mod sweep;
mod worker;

pub use consumer_task::{ConsumerTask, RoundResult};
pub use worker::{Worker, WorkerConfig, WorkerDependencies};
