//! Migrates the schema of PostgreSQL.

use std::time::Duration;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::PostgresAddress;
use crate::connection::{AnyConnection, StoreConnection};
use crate::error::{StoreError, TransactionError};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// The pause between two attempts to get the migration lock.
const RETRY: Duration = Duration::from_millis(100);

/// Waits for the lock of migrations without a statement that waits: a migration that makes an index concurrently would
/// wait for that statement in turn.
fn lock(connection: &mut PgConnection) -> QueryResult<()> {
    // "leadgate" in ASCII. Organizations' locks have another upper half.
    const LOCK: &str = "pg_try_advisory_lock(x'6c65616467617465'::bigint)";
    while !diesel::select(sql::<Bool>(LOCK)).get_result::<bool>(connection)? {
        std::thread::sleep(RETRY);
    }
    Ok(())
}

impl PostgresAddress {
    /// Runs what was not run yet, and `then`; who migrates at the same time waits.
    ///
    /// Each migration is a transaction of its own; the lock is the session's, and goes when the connection
    /// does.
    pub(crate) fn migrate(
        &self,
        mut then: impl FnMut(&mut StoreConnection) -> Result<(), TransactionError>,
    ) -> Result<(), StoreError> {
        let mut session = self.connect_without_timeout()?;
        if let AnyConnection::Postgres(connection) = session.connection() {
            let locked = lock(connection);
            if let Err(error) = locked {
                return Err(session.classify_failure(error.into()));
            }
            connection
                .run_pending_migrations(MIGRATIONS)
                .map_err(|_| StoreError::Bug("a migration failed".to_owned()))?;
        }
        then(&mut session).map_err(|fault| session.classify_failure(fault))
    }

    /// The versions of the migrations that this build knows.
    pub(crate) fn versions() -> Vec<String> {
        use diesel::migration::{Migration, MigrationSource};
        let known = MigrationSource::<diesel::pg::Pg>::migrations(&MIGRATIONS).unwrap_or_default();
        known.iter().map(|migration| migration.name().version().to_string()).collect()
    }
}
