//! Advisory locks of organizations.

use std::collections::BTreeSet;
use std::fmt::Write;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::locks::{AdvisoryLock, LockMode};

/// Takes the locks until the transaction ends, in their order. The text is for the simple protocol, so that it can be
/// sent together with `BEGIN`.
pub(crate) fn lock_text(locks: &[AdvisoryLock]) -> String {
    locks.iter().fold(String::new(), |mut text, lock| {
        let function = match lock.mode {
            LockMode::Shared => "pg_advisory_xact_lock_shared",
            LockMode::Exclusive => "pg_advisory_xact_lock",
        };
        let _ = write!(text, "SELECT {function}({});", lock.key);
        text
    })
}

pub(crate) fn lock_organizations(connection: &mut PgConnection, locks: &[AdvisoryLock]) -> QueryResult<()> {
    if locks.is_empty() { Ok(()) } else { connection.batch_execute(&lock_text(locks)) }
}

#[derive(QueryableByName)]
struct LockHolder {
    #[diesel(sql_type = Text)]
    virtualtransaction: String,
}

/// The running transactions that hold the lock shared.
pub(crate) fn shared_lock_holders(
    connection: &mut PgConnection,
    lock: &AdvisoryLock,
) -> QueryResult<BTreeSet<String>> {
    // The two halves of a key of 64 bits are `classid` and `objid`, and `objsubid` is 1.
    let holders = diesel::sql_query(
        "SELECT DISTINCT l.virtualtransaction
         FROM pg_locks AS l
         WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted AND l.mode = 'ShareLock'
           AND l.classid = ($1 >> 32)::oid AND l.objid = ($1 & 4294967295)::oid
           AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    );
    let holders: Vec<LockHolder> = holders.bind::<BigInt, _>(lock.key).load(connection)?;
    Ok(holders.into_iter().map(|holder| holder.virtualtransaction).collect())
}
