//! Migrates the schema of PostgreSQL.

use std::time::Duration;

use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::PostgresAddress;
use crate::connection::{AnyConnection, StoreConnection};
use crate::error::{StoreError, TransactionError};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// The pause between two attempts to get the migration lock.
const RETRY: Duration = Duration::from_millis(100);

/// Waits for the lock of migrations without a statement that waits: an index that is made concurrently would
/// wait for that statement in turn, for ever.
fn lock(session: &mut StoreConnection) -> Result<(), TransactionError> {
    // "leadgate" in ASCII. Organizations' locks are halves of random ids.
    const LOCK: &str = "SELECT to_json(pg_try_advisory_lock(x'6c65616467617465'::bigint))::text";
    while session.load_all::<bool>(LOCK)?.first() != Some(&true) {
        std::thread::sleep(RETRY);
    }
    Ok(())
}

/// Indexes that are created concurrently with writes, and their migrations. An index whose creation was
/// interrupted stays invalid: it slows every write and is never used, and `IF NOT EXISTS` would skip its
/// creation.
const MADE_CONCURRENTLY: [(&str, &str); 5] = [
    ("leads_by_domain", "0009"),
    ("claims_by_lead", "0013"),
    ("consents_of_lead", "0014"),
    ("leads_with_phone", "0015"),
    ("leads_with_email", "0016"),
];

/// Drops invalid indexes, so that they are created again. The caller has the migration lock, so no index is
/// being created.
fn drop_invalid_indexes(session: &mut StoreConnection) -> Result<(), TransactionError> {
    const HALVES: &str = "
        SELECT to_json(c.relname)::text
        FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
                             JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE NOT i.indisvalid AND n.nspname = current_schema()";
    let halves: Vec<String> = session.load_all(HALVES)?;
    for (index, migration) in
        MADE_CONCURRENTLY.iter().filter(|(index, _)| halves.iter().any(|half| half == index))
    {
        tracing::warn!(index, "an index is made again: its making was cut off");
        session.batch(&format!("DROP INDEX CONCURRENTLY {index}"))?;
        session.batch(&format!("DELETE FROM __diesel_schema_migrations WHERE version = '{migration}'"))?;
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
        let locked = lock(&mut session).and_then(|()| drop_invalid_indexes(&mut session));
        locked.map_err(|fault| session.classify_failure(fault))?;
        if let AnyConnection::Postgres(connection) = session.connection() {
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
