//! Changes of leads have numbers of the installation, which a copy of the database contains.

use diesel::prelude::*;
use leadgate_domain::OrganizationId;

pub(crate) use super::queries::lead_changes::*;

/// There is no other server.
pub(crate) fn history(_connection: &mut SqliteConnection) -> QueryResult<String> {
    Ok(String::new())
}

/// Every number was reached.
pub(crate) fn renumber_unreached(
    _connection: &mut SqliteConnection,
    _organization: OrganizationId,
    _most: i64,
) -> QueryResult<usize> {
    Ok(0)
}
