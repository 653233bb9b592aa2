//! Bringing the schema up to this build.

use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::Address;
use crate::error::{Fault, StoreError};
use crate::session::{Connection, Session};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

impl Address {
    /// Runs what was not run yet, and `then`, in one transaction: who migrates at the same time waits.
    pub(crate) fn migrate(
        &self,
        mut then: impl FnMut(&mut Session) -> Result<(), Fault>,
    ) -> Result<(), StoreError> {
        self.create()?;
        let mut session = self.connect()?;
        let migrated = session.transaction(|session| {
            if let Connection::Sqlite(connection) = session.connection() {
                connection
                    .run_pending_migrations(MIGRATIONS)
                    .map_err(|_| StoreError::Bug("a migration failed".to_owned()))?;
            }
            then(session)
        });
        migrated.map_err(|fault| session.conclude(fault))
    }

    /// The versions of the migrations that this build knows.
    pub(crate) fn versions() -> Vec<String> {
        use diesel::migration::{Migration, MigrationSource};
        let known = MigrationSource::<diesel::sqlite::Sqlite>::migrations(&MIGRATIONS).unwrap_or_default();
        known.iter().map(|migration| migration.name().version().to_string()).collect()
    }
}
