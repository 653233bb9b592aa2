//! Migrates the schema of SQLite.

use std::time::{Duration, Instant};

use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::SqliteAddress;
use crate::connection::{AnyConnection, StoreConnection};
use crate::error::{StoreError, StoreFailure, TransactionError};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

impl SqliteAddress {
    /// Runs what was not run yet, and `then`, in one transaction: who migrates at the same time waits.
    pub(crate) fn migrate(
        &self,
        mut then: impl FnMut(&mut StoreConnection) -> Result<(), TransactionError>,
    ) -> Result<(), StoreError> {
        self.create()?;
        let mut session = self.connect_first()?;
        let migrated = session.transaction(&[], |session| {
            if let AnyConnection::Sqlite(connection) = session.connection() {
                connection
                    .run_pending_migrations(MIGRATIONS)
                    .map_err(|_| StoreError::Bug("a migration failed".to_owned()))?;
            }
            then(session)
        });
        migrated.map_err(|fault| session.classify_failure(fault))
    }

    /// A new file becomes a write-ahead log's with the first connection. Who comes in the middle of that is
    /// turned away at once, whatever its busy time-out.
    fn connect_first(&self) -> Result<StoreConnection, StoreError> {
        let begun = Instant::now();
        loop {
            match self.connect() {
                Err(StoreError::Unavailable { failure: StoreFailure::Locked, .. })
                    if begun.elapsed() < self.busy_timeout =>
                {
                    std::thread::sleep(Duration::from_millis(rand::random_range(5..50)));
                }
                settled => return settled,
            }
        }
    }

    /// The versions of the migrations that this build knows.
    pub(crate) fn versions() -> Vec<String> {
        use diesel::migration::{Migration, MigrationSource};
        let known = MigrationSource::<diesel::sqlite::Sqlite>::migrations(&MIGRATIONS).unwrap_or_default();
        known.iter().map(|migration| migration.name().version().to_string()).collect()
    }
}
