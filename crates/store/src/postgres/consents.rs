//! Evidence of consent, by COPY if its submissions are new.

use diesel::prelude::*;
use diesel::sql_types::Uuid as UuidType;
use leadgate_domain::ConsentEvidence;

use super::insert::{insert_rows, json_column};
pub(crate) use super::queries::consents::*;
use super::schema::{consent_people, consents};
use super::statement::Statement;
use crate::commit::SubmissionKey;
use crate::connection::InsertMode;
use crate::error::TransactionError;
use crate::values::Id;

/// Evidence of submissions that have none.
pub(crate) fn insert_consents(
    connection: &mut PgConnection,
    mode: InsertMode,
    new: &[ConsentEvidence],
) -> Result<(), TransactionError> {
    let rows: Vec<_> = new.iter().map(ConsentRow::from).collect();
    insert_rows!(
        connection,
        mode,
        consents(
            organization,
            submission,
            lead,
            source,
            received_at,
            recorded_at,
            consent_timestamp,
            consented_at,
            text_version,
            page_url,
            trustedform_certificate,
            jornaya_leadid,
            digest,
            revision
        ),
        rows
    )
}

pub(crate) fn insert_people(
    connection: &mut PgConnection,
    mode: InsertMode,
    new: &[ConsentEvidence],
) -> Result<(), TransactionError> {
    let rows: Vec<_> = new.iter().filter_map(PersonRow::from_evidence).collect();
    insert_rows!(connection, mode, consent_people(organization, submission, person), rows)
}

/// Keeps the evidence that is there. Returns the submissions that had none.
pub(crate) fn insert_missing_consents(
    connection: &mut PgConnection,
    new: &[ConsentEvidence],
) -> Result<Vec<SubmissionKey>, TransactionError> {
    const TEXT: &str = "
        INSERT INTO consents (organization, submission, lead, source, received_at, recorded_at, consent_timestamp,
                              consented_at, text_version, page_url, trustedform_certificate, jornaya_leadid, digest,
                              revision)
        SELECT organization, submission, lead, source, received_at, recorded_at, consent_timestamp, consented_at,
               text_version, page_url, trustedform_certificate, jornaya_leadid, digest, revision
        FROM json_populate_recordset(NULL::consents, ($1::text[])[1]::json)
        ON CONFLICT (organization, submission) DO NOTHING
        RETURNING organization, submission";
    let rows: Vec<_> = new.iter().map(ConsentRow::from).collect();
    let statement = Statement::<(UuidType, UuidType)>::new(TEXT, [json_column(&rows)?]);
    let inserted: Vec<(Id, Id)> = statement.load(connection)?;
    Ok(inserted.into_iter().map(SubmissionKey::from).collect())
}
