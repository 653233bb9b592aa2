#![doc = include_str!("../README.md")]

mod attempts;
mod backup;
mod commit;
mod config;
mod directory;
mod error;
mod installation;
mod keys;
mod leads;
mod organizations;
mod page;
mod pool;
mod postgres;
mod quarantine;
mod rows;
mod session;
mod sources;
mod sql;
mod sqlite;
mod statements;
mod store;
mod submissions;
mod suppressions;

pub use commit::{Committed, Settled};
pub use config::StoreConfig;
pub use directory::{Directory, Snapshot};
pub use error::{StoreError, Trouble};
pub use installation::Changes;
pub use leads::Found;
pub use page::{Cursor, Page};
pub use store::{PostgresStore, SqliteStore, Store};
pub use submissions::{OutcomeRecord, QuarantineRecord, SubmissionRecord, SubmissionSummary};
