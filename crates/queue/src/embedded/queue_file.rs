//! The queue file: its schema and all its statements.

use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Binary, Text};
use leadgate_domain::Timestamp;

use super::rows::{
    CheckpointRow, DataVersionRow, JournalModeRow, MessageColumns, MessageRow, ParkedRow, UsageRow,
    UserVersionRow, unsigned,
};
use crate::admin::{ParkedMessage, ParkedSelection};
use crate::error::QueueError;
use crate::raw_delivery::ParkReason;

diesel::table! {
    message (id) {
        id -> BigInt,
        payload -> Binary,
        published_at -> BigInt,
        delivery_count -> Integer,
    }
}

diesel::table! {
    parked (id) {
        id -> BigInt,
        payload -> Binary,
        published_at -> BigInt,
        reason -> Text,
        parked_at -> BigInt,
    }
}

diesel::table! {
    delivered (id) {
        id -> Integer,
        highest_id -> BigInt,
    }
}

/// `AUTOINCREMENT`, because readers keep the highest id that they have read, so an id must not be used twice.
const SCHEMA: &str = "
    CREATE TABLE message (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        payload BLOB NOT NULL,
        published_at INTEGER NOT NULL,
        delivery_count INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE parked (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        payload BLOB NOT NULL,
        published_at INTEGER NOT NULL,
        reason TEXT NOT NULL,
        parked_at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE delivered (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        highest_id INTEGER NOT NULL
    ) STRICT;
    INSERT INTO delivered (id, highest_id) VALUES (1, 0);";

/// The version of [`SCHEMA`]. It is stored in the file as `user_version`; 0 is a new file.
const SCHEMA_VERSION: i32 = 2;

/// How long a statement waits for a lock of another process. Much less than the three seconds of a publish.
const BUSY_TIMEOUT_MS: u32 = 1_000;

pub(crate) struct QueueFile {
    connection: SqliteConnection,
}

/// Number and size of the messages in the file.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FileUsage {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

/// Why a statement failed.
pub(crate) enum QueueFileError {
    /// Another process has locked the file. The connection is still usable.
    Locked,
    /// The connection must be replaced: after a failed sync, its pages may differ from those on the disk.
    Broken(String),
}

impl From<diesel::result::Error> for QueueFileError {
    fn from(error: diesel::result::Error) -> Self {
        match &error {
            // diesel has no error kind for SQLITE_BUSY.
            diesel::result::Error::DatabaseError(_, details) if details.message().contains("locked") => {
                Self::Locked
            }
            diesel::result::Error::DatabaseError(_, details) => Self::Broken(details.message().to_owned()),
            other => Self::Broken(other.to_string()),
        }
    }
}

impl QueueFileError {
    pub(crate) fn text(self) -> String {
        match self {
            Self::Locked => "another process has locked it".to_owned(),
            Self::Broken(text) => text,
        }
    }
}

impl QueueFile {
    /// Opens the file. Creates the file and its folder if they are missing.
    pub(crate) fn open(path: &Path) -> Result<Self, QueueError> {
        let file_error = |problem: String| QueueError::File { path: path.display().to_string(), problem };
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder.to_path_buf(),
            _ => PathBuf::from("."),
        };
        std::fs::create_dir_all(&folder).map_err(|error| file_error(error.to_string()))?;
        if let Some(kind) = super::filesystem::network_filesystem(&folder) {
            return Err(file_error(format!(
                "it is on a network filesystem ({kind}), where file locks do not work; use a local disk"
            )));
        }
        super::filesystem::create_private(path).map_err(|error| file_error(error.to_string()))?;
        let name = path.to_str().ok_or_else(|| file_error("the path is not valid UTF-8".to_owned()))?;
        let connection = SqliteConnection::establish(name).map_err(|error| file_error(error.to_string()))?;
        let mut file = Self { connection };
        file.prepare().map_err(|error| file_error(error.text()))?;
        Ok(file)
    }

    fn prepare(&mut self) -> Result<(), QueueFileError> {
        // Before the journal mode, so that setting it also waits for other processes.
        self.connection.batch_execute(&format!("PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}"))?;
        let mode: JournalModeRow = sql_query("PRAGMA journal_mode = WAL").get_result(&mut self.connection)?;
        if mode.journal_mode != "wal" {
            return Err(QueueFileError::Broken(
                "the filesystem does not support the write-ahead log of SQLite".to_owned(),
            ));
        }
        // Deleted messages contain personal data, so their pages are overwritten.
        self.connection.batch_execute(
            "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864; PRAGMA secure_delete = ON",
        )?;
        self.connection.immediate_transaction(|connection| {
            let version: UserVersionRow = sql_query("PRAGMA user_version").get_result(connection)?;
            match version.user_version {
                0 => {
                    connection.batch_execute(SCHEMA)?;
                    Ok(connection.batch_execute(&format!("PRAGMA user_version = {SCHEMA_VERSION}"))?)
                }
                SCHEMA_VERSION => Ok(()),
                older if older < SCHEMA_VERSION => Err(QueueFileError::Broken(format!(
                    "its schema version {older} is older than this build supports ({SCHEMA_VERSION}); let the build \
                     that made the file process all its messages, then delete the file"
                ))),
                newer => Err(QueueFileError::Broken(format!(
                    "its schema version {newer} is newer than this build supports ({SCHEMA_VERSION}); use a newer build"
                ))),
            }
        })
    }

    /// Empties the write-ahead log. Returns false if another connection is still reading it.
    pub(crate) fn truncate_log(&mut self) -> Result<bool, QueueFileError> {
        // Does not wait for the other connection, because publishes would wait, too.
        self.connection.batch_execute("PRAGMA busy_timeout = 0")?;
        let checkpoint: Result<CheckpointRow, _> =
            sql_query("PRAGMA wal_checkpoint(TRUNCATE)").get_result(&mut self.connection);
        self.connection.batch_execute(&format!("PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}"))?;
        Ok(checkpoint?.busy == 0)
    }

    /// Increases the delivery count of all messages that were delivered before this start.
    pub(crate) fn count_redeliveries(&mut self) -> Result<(), QueueFileError> {
        self.transaction(|file| {
            sql_query("UPDATE message SET delivery_count = delivery_count + 1 WHERE id <= (SELECT highest_id FROM delivered)")
                .execute(&mut file.connection)?;
            Ok(())
        })
    }

    /// Runs `work` in one transaction. The transaction is synced to the disk when this returns.
    pub(crate) fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, QueueFileError>,
    ) -> Result<T, QueueFileError> {
        self.connection.batch_execute("BEGIN IMMEDIATE")?;
        match work(self) {
            Ok(value) => self.connection.batch_execute("COMMIT").map(|()| value).map_err(|error| {
                // After a failed commit, the transaction is still open.
                self.connection.batch_execute("ROLLBACK").ok();
                error.into()
            }),
            Err(error) => {
                self.connection.batch_execute("ROLLBACK").ok();
                Err(error)
            }
        }
    }

    pub(crate) fn insert(&mut self, body: &[u8], at: Timestamp) -> Result<(), QueueFileError> {
        diesel::insert_into(message::table)
            .values((message::payload.eq(body), message::published_at.eq(at.as_microseconds())))
            .execute(&mut self.connection)?;
        Ok(())
    }

    pub(crate) fn delete(&mut self, id: i64) -> Result<(), QueueFileError> {
        diesel::delete(message::table.find(id)).execute(&mut self.connection)?;
        Ok(())
    }

    /// The messages after `cursor`, oldest first.
    pub(crate) fn messages_after(
        &mut self,
        cursor: i64,
        limit: usize,
    ) -> Result<Vec<MessageRow>, QueueFileError> {
        let rows: Vec<MessageColumns> = message::table
            .filter(message::id.gt(cursor))
            .order(message::id)
            .limit(i64::try_from(limit).unwrap_or(i64::MAX))
            .load(&mut self.connection)?;
        Ok(rows.into_iter().map(MessageRow::from).collect())
    }

    pub(crate) fn find(&mut self, id: i64) -> Result<Option<MessageRow>, QueueFileError> {
        let row: Option<MessageColumns> = message::table.find(id).first(&mut self.connection).optional()?;
        Ok(row.map(MessageRow::from))
    }

    pub(crate) fn set_highest_delivered(&mut self, id: i64) -> Result<(), QueueFileError> {
        diesel::update(delivered::table.find(1))
            .set(delivered::highest_id.eq(id))
            .execute(&mut self.connection)?;
        Ok(())
    }

    /// Counts the messages. Reads the header of every row, so it is too slow to be called for every message.
    pub(crate) fn usage(&mut self) -> Result<FileUsage, QueueFileError> {
        let sums: UsageRow =
            sql_query("SELECT count(*) AS messages, coalesce(sum(length(payload)), 0) AS bytes FROM message")
                .get_result(&mut self.connection)?;
        Ok(FileUsage { messages: unsigned(sums.messages), bytes: unsigned(sums.bytes) })
    }

    pub(crate) fn oldest_published_at(&mut self) -> Result<Option<Timestamp>, QueueFileError> {
        let at: Option<i64> = message::table
            .order(message::id)
            .select(message::published_at)
            .first(&mut self.connection)
            .optional()?;
        Ok(at.map(Timestamp::from_microseconds))
    }

    /// A number that changes when another connection has written.
    pub(crate) fn data_version(&mut self) -> Result<i64, QueueFileError> {
        let version: DataVersionRow = sql_query("PRAGMA data_version").get_result(&mut self.connection)?;
        Ok(version.data_version)
    }

    pub(crate) fn park(&mut self, id: i64, reason: &str, at: Timestamp) -> Result<(), QueueFileError> {
        sql_query(
            "INSERT INTO parked (payload, published_at, reason, parked_at)
             SELECT payload, published_at, ?, ? FROM message WHERE id = ?",
        )
        .bind::<Text, _>(reason)
        .bind::<BigInt, _>(at.as_microseconds())
        .bind::<BigInt, _>(id)
        .execute(&mut self.connection)?;
        self.delete(id)
    }

    pub(crate) fn park_submission(
        &mut self,
        submission: &[u8],
        reason: &str,
        at: Timestamp,
    ) -> Result<(), QueueFileError> {
        sql_query("INSERT INTO parked (payload, published_at, reason, parked_at) VALUES (?1, ?3, ?2, ?3)")
            .bind::<Binary, _>(submission)
            .bind::<Text, _>(reason)
            .bind::<BigInt, _>(at.as_microseconds())
            .execute(&mut self.connection)?;
        Ok(())
    }

    pub(crate) fn parked_count(&mut self) -> Result<u64, QueueFileError> {
        let count: i64 = parked::table.count().get_result(&mut self.connection)?;
        Ok(unsigned(count))
    }

    /// Number of messages that only a newer build can read.
    pub(crate) fn newer_count(&mut self) -> Result<u64, QueueFileError> {
        let newer = parked::table.filter(parked::reason.eq(ParkReason::UnknownVersion.code()));
        let count: i64 = newer.count().get_result(&mut self.connection)?;
        Ok(unsigned(count))
    }

    pub(crate) fn list_parked(&mut self, limit: usize) -> Result<Vec<ParkedMessage>, QueueFileError> {
        let rows: Vec<ParkedRow> = sql_query(
            "SELECT id, reason, parked_at, length(payload) AS bytes FROM parked ORDER BY id LIMIT ?",
        )
        .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(&mut self.connection)?;
        Ok(rows.into_iter().map(ParkedMessage::from).collect())
    }

    /// Moves the selected messages back into the queue, in one transaction.
    pub(crate) fn replay_parked(&mut self, mut selection: ParkedSelection) -> Result<usize, QueueFileError> {
        self.transaction(|file| {
            let ids: Vec<i64> =
                parked::table.order(parked::id).select(parked::id).load(&mut file.connection)?;
            let selected: Vec<i64> = ids.into_iter().filter(|id| selection.take(&id.to_string())).collect();
            for id in &selected {
                sql_query("INSERT INTO message (payload, published_at) SELECT payload, published_at FROM parked WHERE id = ?")
                    .bind::<BigInt, _>(id)
                    .execute(&mut file.connection)?;
                diesel::delete(parked::table.find(id)).execute(&mut file.connection)?;
            }
            Ok(selected.len())
        })
    }

    /// Moves the messages that an older build could not read back into the queue. If this build cannot read
    /// them either, they are parked again.
    pub(crate) fn replay_newer(&mut self) -> Result<(), QueueFileError> {
        self.transaction(|file| {
            let newer = parked::table.filter(parked::reason.eq(ParkReason::UnknownVersion.code()));
            newer
                .order(parked::id)
                .select((parked::payload, parked::published_at))
                .insert_into(message::table)
                .into_columns((message::payload, message::published_at))
                .execute(&mut file.connection)?;
            diesel::delete(newer).execute(&mut file.connection)?;
            Ok(())
        })
    }

    /// Writes a consistent copy to a new file, while the queue is in use.
    pub(crate) fn backup_to(&mut self, target: &Path) -> Result<(), QueueFileError> {
        let io = |error: std::io::Error| QueueFileError::Broken(error.to_string());
        let name = target
            .to_str()
            .ok_or_else(|| QueueFileError::Broken("the path of the copy is not valid UTF-8".to_owned()))?;
        // SQLite accepts an empty file. It would create one that all users can read.
        super::filesystem::create_private(target).map_err(io)?;
        sql_query("VACUUM INTO ?").bind::<Text, _>(name).execute(&mut self.connection)?;
        std::fs::File::open(target).and_then(|copy| copy.sync_all()).map_err(io)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_another_connection_reads_is_not_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("queue.db");
        let mut file = QueueFile::open(&path).ok().unwrap();
        file.insert(b"a message", Timestamp::now()).ok().unwrap();
        let mut reader = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        reader.batch_execute("BEGIN; SELECT count(*) FROM message").unwrap();
        file.delete(1).ok().unwrap();
        assert!(matches!(file.truncate_log(), Ok(false)));
        reader.batch_execute("COMMIT").unwrap();
        assert!(matches!(file.truncate_log(), Ok(true)));
    }
}
