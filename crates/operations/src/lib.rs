#![doc = include_str!("../README.md")]

pub mod audit;
pub mod deliveries;
mod document;
pub mod endpoints;
pub mod erasure;
mod error;
pub mod exports;
mod item_limit;
pub mod keys;
pub mod leads;
pub mod mappings;
pub mod quarantine;
mod read_log;
mod rebuild;
pub mod reports;
pub mod reprocess;
pub mod reread;
pub mod retention;
pub mod scoring;
mod source_lookup;
pub mod sources;
pub mod suppressions;
pub mod tags;
mod text;

use std::sync::Arc;

use leadgate_pipeline::Pipeline;
use leadgate_store::Snapshot;

pub use document::read_document;
pub use error::{OperationError, ResourceKind};
pub use item_limit::ItemLimit;
pub use read_log::ReadLog;
pub use rebuild::{rebuild, rebuild_without_erased};

/// What operations need to read submissions and judge leads: the current sources and scorings, and the
/// pipeline.
#[derive(Clone)]
pub struct JudgeContext {
    pub snapshot: Arc<Snapshot>,
    pub pipeline: Arc<Pipeline>,
}
