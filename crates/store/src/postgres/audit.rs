//! The audit log.

use diesel::prelude::*;
use leadgate_domain::AuditEntry;

use super::queries::audit::AuditRow;
use super::schema::audit;
use super::statement::{Column, Statement};
use crate::error::TransactionError;

pub(crate) use super::queries::audit::*;

/// Adds entries that do not exist. As columns of rows: each read by a client adds some, and this text does not depend
/// on their number.
pub(crate) fn insert_entries(
    connection: &mut PgConnection,
    entries: &[AuditEntry],
) -> Result<(), TransactionError> {
    const TEXT: &str = "
        INSERT INTO audit (organization, id, at, actor, action, target, detail)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[])
        ON CONFLICT (organization, id) DO NOTHING";
    let rows = entries.iter().map(AuditRow::new).collect::<Result<Vec<_>, _>>()?;
    let columns = [
        Column::ids(rows.iter().map(|row| row.organization)),
        Column::ids(rows.iter().map(|row| row.id)),
        Column::times(rows.iter().map(|row| row.at)),
        Column::texts(rows.iter().map(|row| row.actor.as_str())),
        Column::texts(rows.iter().map(|row| row.action.as_str())),
        Column::optional_texts(rows.iter().map(|row| row.target.as_deref())),
        Column::texts(rows.iter().map(|row| row.detail.as_str())),
    ];
    Statement::<()>::new(TEXT, columns).execute(connection).map(drop)
}

// A range of one value: for an equality PostgreSQL would not need the index to be in the order of ids, and might read
// all entries of the organization in that order to find those of one actor.

#[diesel::dsl::auto_type]
pub(super) fn is_actor<'a>(actor: &'a str) -> _ {
    audit::actor.between(actor, actor)
}

#[diesel::dsl::auto_type]
pub(super) fn is_action<'a>(action: &'a str) -> _ {
    audit::action.between(action, action)
}
