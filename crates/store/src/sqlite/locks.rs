//! SQLite has one writer at a time: its transactions need no locks of organizations.

use std::collections::BTreeSet;

use diesel::prelude::*;

use crate::locks::AdvisoryLock;

pub(crate) fn lock_organizations(
    _connection: &mut SqliteConnection,
    _locks: &[AdvisoryLock],
) -> QueryResult<()> {
    Ok(())
}

/// No other transaction that writes.
pub(crate) fn shared_lock_holders(
    _connection: &mut SqliteConnection,
    _lock: &AdvisoryLock,
) -> QueryResult<BTreeSet<String>> {
    Ok(BTreeSet::new())
}
