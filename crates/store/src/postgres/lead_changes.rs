//! Changes of leads have the numbers of PostgreSQL's transactions.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use leadgate_domain::OrganizationId;

pub(crate) use super::queries::lead_changes::*;
use super::schema::leads;
use crate::values::Id;

/// The server and the timeline of its write-ahead log, which a standby that becomes the primary increments.
pub(crate) fn history(connection: &mut PgConnection) -> QueryResult<String> {
    const TEXT: &str = "(SELECT to_hex(system_identifier) FROM pg_control_system())
                        || left(pg_walfile_name(pg_current_wal_lsn()), 8)";
    diesel::select(sql::<Text>(TEXT)).get_result(connection)
}

/// Renumbers at most `most` leads whose number is above the last transaction id of this server. Returns how many.
pub(crate) fn renumber_unreached(
    connection: &mut PgConnection,
    organization: OrganizationId,
    most: i64,
) -> QueryResult<usize> {
    let first_unused = sql::<BigInt>("pg_snapshot_xmax(pg_current_snapshot())::text::bigint");
    let unreached: Vec<Id> = leads::table
        .filter(leads::organization.eq(Id::from(organization)))
        .filter(leads::changed.ge(first_unused))
        .order((leads::changed, leads::id))
        .limit(most)
        .select(leads::id)
        .load(connection)?;
    diesel::update(leads::table.filter(among!(leads::id, organization, unreached.into_iter())))
        .set(leads::changed.eq(sql::<BigInt>("DEFAULT")))
        .execute(connection)
}
