//! Opens SQLite files.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::sql_types::{Integer, Text};
use diesel::{Connection as _, QueryResult, QueryableByName, RunQueryDsl as _, SqliteConnection, sql_query};

use crate::config::StoreConfig;
use crate::connection::{AnyConnection, StoreConnection};
use crate::error::{StoreError, StoreFailure};

/// A database file and how to open it.
#[derive(Debug, Clone)]
pub(crate) struct SqliteAddress {
    file: PathBuf,
    pub(super) busy_timeout: Duration,
    writes: bool,
}

impl SqliteAddress {
    /// `path` as it stands behind `sqlite:`, with or without two slashes.
    pub(crate) fn parse(path: &str, config: &StoreConfig) -> Result<Self, StoreError> {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.starts_with(':') || path.contains(['?', '\0']) {
            return Err(StoreError::Config("`sqlite:` wants the path of a file".to_owned()));
        }
        Ok(Self { file: path.into(), busy_timeout: config.lock_timeout, writes: true })
    }

    pub(crate) fn reading(self) -> Self {
        Self { writes: false, ..self }
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Creates the file if it does not exist. It contains personal data, so only its owner may read it.
    /// SQLite gives the write-ahead log the same mode.
    pub(crate) fn create(&self) -> Result<(), StoreError> {
        let made = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&self.file);
        made.map(|_: File| ())
            .map_err(|error| StoreError::Config(format!("the file cannot be made: {error}")))
    }

    /// Never makes the file: an empty one beside the real one would look like lost leads.
    pub(crate) fn connect(&self) -> Result<StoreConnection, StoreError> {
        if !self.file.exists() {
            return Err(StoreError::NotMigrated);
        }
        let unreachable = |_| StoreError::unavailable(StoreFailure::Connection);
        let connection = SqliteConnection::establish(&self.uri()).map_err(unreachable)?;
        let mut session = StoreConnection::new(AnyConnection::Sqlite(connection));
        // First of all: each of the others may find the file locked.
        let busy = format!("PRAGMA busy_timeout = {}", self.busy_timeout.as_millis());
        let settings = [
            busy.as_str(),
            "PRAGMA journal_mode = WAL",
            // NORMAL would lose committed work at a power cut.
            "PRAGMA synchronous = FULL",
            "PRAGMA foreign_keys = ON",
            // What is erased or overwritten is not to stay in the file until something else needs the room.
            "PRAGMA secure_delete = ON",
            if self.writes { "PRAGMA query_only = OFF" } else { "PRAGMA query_only = ON" },
        ];
        for setting in settings {
            session.batch(setting).map_err(|error| session.classify_failure(error.into()))?;
        }
        Ok(session)
    }

    fn uri(&self) -> String {
        let path = self.file.to_string_lossy();
        let path = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        format!("file:{path}?mode=rw")
    }
}

/// Empties the write-ahead log. Returns false if another connection still reads there.
pub(crate) fn empty_log(connection: &mut SqliteConnection) -> QueryResult<bool> {
    let checkpoint: CheckpointStatus = sql_query("PRAGMA wal_checkpoint(TRUNCATE)").get_result(connection)?;
    Ok(checkpoint.busy == 0)
}

/// The lines of the integrity check: `ok`, or problems.
pub(crate) fn integrity_check(connection: &mut SqliteConnection) -> QueryResult<Vec<String>> {
    let lines: Vec<IntegrityLine> = sql_query("PRAGMA integrity_check").load(connection)?;
    Ok(lines.into_iter().map(|line| line.integrity_check).collect())
}

#[derive(QueryableByName)]
struct IntegrityLine {
    #[diesel(sql_type = Text)]
    integrity_check: String,
}

#[derive(QueryableByName)]
struct CheckpointStatus {
    #[diesel(sql_type = Integer)]
    busy: i32,
}
