//! The installation, and PostgreSQL's clock.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use leadgate_domain::Timestamp;

use crate::values::Time;

pub(crate) use super::queries::installation::*;

/// The current time.
pub(crate) fn now(connection: &mut PgConnection) -> QueryResult<Timestamp> {
    let now: Time = diesel::select(sql::<Timestamptz>("clock_timestamp()")).get_result(connection)?;
    Ok(now.into())
}
