//! The installation. SQLite's clock is this machine's.

use diesel::prelude::*;
use leadgate_domain::Timestamp;

pub(crate) use super::queries::installation::*;

/// The current time.
pub(crate) fn now(_connection: &mut SqliteConnection) -> QueryResult<Timestamp> {
    Ok(Timestamp::now())
}
