//! Outcomes: first ones by COPY, further ones as columns of rows.

use diesel::prelude::*;

use super::insert::insert_rows;
pub(crate) use super::queries::outcomes::*;
use super::schema::outcomes;
use super::statement::{Column, Statement};
use crate::connection::InsertMode;
use crate::error::TransactionError;
use crate::rows::NewOutcome;

pub(crate) fn insert_first_outcomes(
    connection: &mut PgConnection,
    mode: InsertMode,
    new: &[NewOutcome<'_>],
) -> Result<(), TransactionError> {
    let rows = new.iter().map(OutcomeRow::first).collect::<Result<Vec<_>, _>>()?;
    insert_rows!(
        connection,
        mode,
        outcomes(organization, submission, revision, outcome, lead, decided_at, trace),
        rows
    )
}

/// Each with the next revision of its submission.
pub(crate) fn insert_further_outcomes(
    connection: &mut PgConnection,
    new: &[NewOutcome<'_>],
) -> Result<(), TransactionError> {
    const TEXT: &str = "
        INSERT INTO outcomes (organization, submission, revision, outcome, lead, decided_at, trace)
        SELECT r.organization, r.submission,
               1 + coalesce((SELECT max(o.revision) FROM outcomes AS o
                             WHERE o.organization = r.organization AND o.submission = r.submission), 0),
               r.outcome, r.lead, r.decided_at, r.trace
        FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::timestamptz[], $6::text[])
            AS r (organization, submission, outcome, lead, decided_at, trace)";
    let rows = new.iter().map(OutcomeRow::first).collect::<Result<Vec<_>, _>>()?;
    let columns = [
        Column::ids(rows.iter().map(|row| row.organization)),
        Column::ids(rows.iter().map(|row| row.submission)),
        Column::texts(rows.iter().map(|row| row.outcome)),
        Column::optional_ids(rows.iter().map(|row| row.lead)),
        Column::times(rows.iter().map(|row| row.decided_at)),
        Column::texts(rows.iter().map(|row| row.trace.as_str())),
    ];
    Statement::<()>::new(TEXT, columns).execute(connection).map(drop)
}
