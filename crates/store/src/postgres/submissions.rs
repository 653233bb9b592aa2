//! Submissions, as columns of rows: what is there already is kept.

use diesel::prelude::*;
use diesel::sql_types::Uuid as UuidType;

pub(crate) use super::queries::submissions::*;
use super::statement::{Column, Statement};
use crate::commit::SubmissionKey;
use crate::error::TransactionError;
use crate::rows::SubmissionToStore;
use crate::values::Id;

/// Adds those that are not there, and returns their keys. `new` is sorted by key.
pub(crate) fn insert_submissions(
    connection: &mut PgConnection,
    new: &[SubmissionToStore<'_>],
) -> Result<Vec<SubmissionKey>, TransactionError> {
    const TEXT: &str = "
        INSERT INTO submissions (organization, id, source, source_revision, dialect, received_at, trust, client_address,
                                 client_user_agent, client_key, fields, raw, raw_encoding, media, query,
                                 mapping_version, mapping_fault, body_hash, idempotency_key_hash, traceparent, extra)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::text[], $6::timestamptz[],
                             $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[],
                             $14::text[], $15::text[], $16::integer[], $17::text[], $18::bytea[], $19::bytea[],
                             $20::text[], $21::text[])
        ON CONFLICT (organization, id) DO NOTHING
        RETURNING organization, id";
    let rows = new.iter().map(SubmissionRow::new).collect::<Result<Vec<_>, _>>()?;
    let statement = Statement::<(UuidType, UuidType)>::new(TEXT, columns(&rows));
    let inserted: Vec<(Id, Id)> = statement.load(connection)?;
    Ok(inserted.into_iter().map(SubmissionKey::from).collect())
}

fn columns<'r>(rows: &'r [SubmissionRow<'_>]) -> Vec<Column<'r>> {
    vec![
        Column::ids(rows.iter().map(|row| row.organization)),
        Column::ids(rows.iter().map(|row| row.id)),
        Column::ids(rows.iter().map(|row| row.source)),
        Column::integers(rows.iter().map(|row| row.source_revision)),
        Column::texts(rows.iter().map(|row| row.dialect)),
        Column::times(rows.iter().map(|row| row.received_at)),
        Column::texts(rows.iter().map(|row| row.trust)),
        Column::optional_texts(rows.iter().map(|row| row.client_address)),
        Column::optional_texts(rows.iter().map(|row| row.client_user_agent)),
        Column::optional_texts(rows.iter().map(|row| row.client_key)),
        Column::texts(rows.iter().map(|row| row.fields.as_ref())),
        Column::texts(rows.iter().map(|row| row.raw)),
        Column::texts(rows.iter().map(|row| row.raw_encoding)),
        Column::optional_texts(rows.iter().map(|row| row.media.as_deref())),
        Column::optional_texts(rows.iter().map(|row| row.query)),
        Column::optional_integers(rows.iter().map(|row| row.mapping_version)),
        Column::optional_texts(rows.iter().map(|row| row.mapping_fault.as_deref())),
        Column::bytes(rows.iter().map(|row| row.body_hash.0.as_bytes())),
        Column::optional_bytes(rows.iter().map(|row| Some(row.idempotency_key_hash.as_ref()?.0.as_bytes()))),
        Column::optional_texts(rows.iter().map(|row| row.traceparent)),
        Column::texts(rows.iter().map(|row| row.extra.as_ref())),
    ]
}
