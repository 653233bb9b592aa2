//! The quarantine, as columns of rows.

use diesel::prelude::*;
use diesel::sql_types::{Bool, Uuid as UuidType};
use leadgate_domain::Timestamp;
use uuid::Uuid;

pub(crate) use super::queries::quarantine::*;
use super::statement::{Column, Statement};
use crate::commit::SubmissionKey;
use crate::error::TransactionError;
use crate::rows::NewQuarantineEntry;
use crate::values::Id;

pub(crate) fn insert_entries(
    connection: &mut PgConnection,
    new: &[NewQuarantineEntry],
) -> Result<(), TransactionError> {
    const TEXT: &str = "
        INSERT INTO quarantine (organization, id, submission, reason, body_hash, document, quarantined_at)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bytea[], $6::text[], $7::timestamptz[])";
    Statement::<()>::new(TEXT, columns(new)).execute(connection).map(drop)
}

/// Adds entries for submissions whose id is stored with another body, and that are not there yet. Where anything under
/// the id was erased, its body is unknown: all are treated as redeliveries. Returns the ids of the entries.
pub(crate) fn insert_reused(
    connection: &mut PgConnection,
    new: &[NewQuarantineEntry],
) -> Result<Vec<Uuid>, TransactionError> {
    const TEXT: &str = "
        INSERT INTO quarantine (organization, id, submission, reason, body_hash, document, quarantined_at)
        SELECT r.organization, r.id, r.submission, r.reason, r.body_hash, r.document, r.quarantined_at
        FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bytea[], $6::text[], $7::timestamptz[])
            AS r (organization, id, submission, reason, body_hash, document, quarantined_at)
        JOIN submissions AS s ON s.organization = r.organization AND s.id = r.submission
        WHERE s.body_hash <> r.body_hash AND s.erased_at IS NULL
          AND NOT EXISTS (SELECT 1 FROM quarantine AS q
                          WHERE q.organization = s.organization AND q.submission = s.id
                            AND q.id <> q.submission AND q.erased_at IS NOT NULL)
        ON CONFLICT (organization, submission, body_hash) DO NOTHING
        RETURNING id";
    let inserted: Vec<Id> = Statement::<UuidType>::new(TEXT, columns(new)).load(connection)?;
    Ok(inserted.into_iter().map(Uuid::from).collect())
}

/// Releases what is open and was not released before by the same release or a later one. Returns the keys of those, and
/// whether the submission came under the id of another, so that only the entry holds it.
pub(crate) fn release_entries(
    connection: &mut PgConnection,
    releases: &[(SubmissionKey, Timestamp)],
) -> Result<Vec<(SubmissionKey, bool)>, TransactionError> {
    // Locked in the order in which they come, which is the same for all writers; an update by itself promises no
    // order.
    const TEXT: &str = "
        WITH held AS MATERIALIZED (
            SELECT q.organization, q.id, r.released_at
            FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS r (organization, id, released_at)
            JOIN quarantine AS q ON q.organization = r.organization AND q.id = r.id
            WHERE q.state = 'open' AND (q.settled_at IS NULL OR q.settled_at < r.released_at)
            ORDER BY q.organization, q.id
            FOR UPDATE OF q)
        UPDATE quarantine AS q
        SET state = 'released', settled_at = held.released_at, settled_by = NULL, note = NULL
        FROM held
        WHERE q.organization = held.organization AND q.id = held.id
        RETURNING q.organization, q.id, q.submission <> q.id";
    let columns = [
        Column::ids(releases.iter().map(|(key, _)| key.organization)),
        Column::ids(releases.iter().map(|(key, _)| key.id)),
        Column::times(releases.iter().map(|(_, released_at)| *released_at)),
    ];
    let released: Vec<(Id, Id, bool)> =
        Statement::<(UuidType, UuidType, Bool)>::new(TEXT, columns).load(connection)?;
    let read = |(organization, id, apart): (Id, Id, bool)| (SubmissionKey::from((organization, id)), apart);
    Ok(released.into_iter().map(read).collect())
}

/// Opens released entries again.
pub(crate) fn reopen_entries(
    connection: &mut PgConnection,
    new: &[NewQuarantineEntry],
) -> Result<(), TransactionError> {
    const TEXT: &str = "
        UPDATE quarantine AS q SET state = 'open', reason = r.reason, quarantined_at = r.quarantined_at
        FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[]) AS r (organization, id, reason, quarantined_at)
        WHERE q.organization = r.organization AND q.id = r.id";
    let columns = [
        Column::ids(new.iter().map(|one| one.organization)),
        Column::ids(new.iter().map(|one| one.id)),
        Column::texts(new.iter().map(|one| one.reason.as_str())),
        Column::times(new.iter().map(|one| one.quarantined_at)),
    ];
    Statement::<()>::new(TEXT, columns).execute(connection).map(drop)
}

fn columns(new: &[NewQuarantineEntry]) -> [Column<'_>; 7] {
    [
        Column::ids(new.iter().map(|one| one.organization)),
        Column::ids(new.iter().map(|one| one.id)),
        Column::ids(new.iter().map(|one| one.submission)),
        Column::texts(new.iter().map(|one| one.reason.as_str())),
        Column::bytes(new.iter().map(|one| one.body_hash.as_bytes())),
        Column::optional_texts(new.iter().map(|one| one.document.as_deref())),
        Column::times(new.iter().map(|one| one.quarantined_at)),
    ]
}
