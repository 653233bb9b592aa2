//! Leads: new ones by COPY, changed ones as columns of rows.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::sql_types::Text;
use leadgate_domain::{Lead, LeadId};

use super::insert::insert_rows;
pub(crate) use super::queries::leads::*;
use super::schema::leads;
use super::statement::{Column, Statement};
use crate::connection::InsertMode;
use crate::error::TransactionError;
use crate::rows::{ScopedId, SerializedLead};
use crate::values::Json;

pub(crate) fn insert_leads(
    connection: &mut PgConnection,
    mode: InsertMode,
    new: &[SerializedLead<'_>],
) -> Result<(), TransactionError> {
    let rows = new.iter().map(LeadRow::new).collect::<Result<Vec<_>, _>>()?;
    insert_rows!(
        connection,
        mode,
        leads(
            organization,
            id,
            source,
            external_id,
            phone,
            email_reversed,
            status,
            eligibility,
            temperature,
            reasons,
            tags,
            updated_at,
            document
        ),
        rows
    )
}

/// Changes leads that exist. Returns how many.
pub(crate) fn update_leads(
    connection: &mut PgConnection,
    changed: &[SerializedLead<'_>],
) -> Result<usize, TransactionError> {
    const TEXT: &str = "
        UPDATE leads AS l
        SET source = r.source, external_id = r.external_id, phone = r.phone, email_reversed = r.email_reversed,
            status = r.status, eligibility = r.eligibility, temperature = r.temperature, reasons = r.reasons,
            tags = r.tags, updated_at = r.updated_at, document = r.document, changed = DEFAULT
        FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                    $9::text[], $10::text[], $11::text[], $12::timestamptz[], $13::text[])
            AS r (organization, id, source, external_id, phone, email_reversed, status, eligibility, temperature,
                  reasons, tags, updated_at, document)
        WHERE l.organization = r.organization AND l.id = r.id";
    let rows = changed.iter().map(LeadRow::new).collect::<Result<Vec<_>, _>>()?;
    let columns = [
        Column::ids(rows.iter().map(|row| row.organization)),
        Column::ids(rows.iter().map(|row| row.id)),
        Column::ids(rows.iter().map(|row| row.source)),
        Column::optional_texts(rows.iter().map(|row| row.external_id)),
        Column::optional_texts(rows.iter().map(|row| row.phone.as_deref())),
        Column::optional_texts(rows.iter().map(|row| row.email_reversed.as_deref())),
        Column::texts(rows.iter().map(|row| row.status)),
        Column::texts(rows.iter().map(|row| row.eligibility)),
        Column::texts(rows.iter().map(|row| row.temperature)),
        Column::texts(rows.iter().map(|row| row.reasons.as_str())),
        Column::texts(rows.iter().map(|row| row.tags.as_str())),
        Column::times(rows.iter().map(|row| row.updated_at)),
        Column::texts(rows.iter().map(|row| row.document)),
    ];
    Statement::<()>::new(TEXT, columns).execute(connection)
}

/// Locked in the order of their ids.
pub(crate) fn lock_leads(
    connection: &mut PgConnection,
    leads: &BTreeSet<ScopedId<LeadId>>,
) -> Result<Vec<Lead>, TransactionError> {
    const TEXT: &str = "
        SELECT l.document FROM unnest($1::uuid[], $2::uuid[]) AS r (organization, id)
        JOIN leads AS l ON l.organization = r.organization AND l.id = r.id
        ORDER BY l.organization, l.id
        FOR UPDATE OF l";
    load(connection, TEXT, leads)
}

/// Without a lock.
pub(crate) fn read_leads(
    connection: &mut PgConnection,
    leads: &BTreeSet<ScopedId<LeadId>>,
) -> Result<Vec<Lead>, TransactionError> {
    const TEXT: &str = "
        SELECT l.document FROM unnest($1::uuid[], $2::uuid[]) AS r (organization, id)
        JOIN leads AS l ON l.organization = r.organization AND l.id = r.id";
    load(connection, TEXT, leads)
}

fn load(
    connection: &mut PgConnection,
    text: &'static str,
    leads: &BTreeSet<ScopedId<LeadId>>,
) -> Result<Vec<Lead>, TransactionError> {
    let found: Vec<Json<Lead>> = Statement::<Text>::new(text, id_columns(leads)).load(connection)?;
    Ok(found.into_iter().map(|document| document.0).collect())
}

/// The columns `organization` and `id`.
pub(super) fn id_columns<'i, T>(
    ids: impl IntoIterator<Item = &'i ScopedId<T>, IntoIter: Clone>,
) -> [Column<'static>; 2]
where
    T: Copy + Into<crate::values::Id> + 'i,
{
    let ids = ids.into_iter();
    [Column::ids(ids.clone().map(|one| one.organization)), Column::ids(ids.map(|one| one.id))]
}
