//! Suppression lists, as columns of rows: a batch asks for many keys of many organizations at once.

use std::collections::BTreeSet;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Timestamptz};
use leadgate_domain::{OrganizationId, SuppressionKey, Timestamp};

use super::queries::suppressions::SuppressionRow;
pub(crate) use super::queries::suppressions::*;
use super::schema::suppressions;
use super::statement::{Column, Statement};
use crate::error::TransactionError;
use crate::rescreen::{AppliedEntry, PendingFilter};
use crate::suppressions::{StoredSuppression, SuppressionChange, SuppressionCursor};
use crate::values::{Id, Time};

/// All entries under these keys, also those that have ended, each with the time at which it was read.
pub(crate) fn find_entries(
    connection: &mut PgConnection,
    keys: &BTreeSet<SuppressionKey>,
) -> Result<Vec<(StoredSuppression, Timestamp)>, TransactionError> {
    const TEXT: &str = "
        SELECT s.organization, s.kind, s.key, s.list, s.form, s.value, s.reason, s.added_at, s.expires_at,
               s.pending_since, s.ended_at, clock_timestamp()
        FROM unnest($1::uuid[], $2::text[], $3::bytea[]) AS r (organization, kind, key)
        JOIN suppressions AS s ON s.organization = r.organization AND s.kind = r.kind AND s.key = r.key";
    let statement = Statement::<(suppressions::SqlType, Timestamptz)>::new(TEXT, key_columns(keys.iter()));
    let rows: Vec<(SuppressionRow<'_>, Time)> = statement.load(connection)?;
    Ok(rows.into_iter().map(|(row, now)| (row.into(), now.into())).collect())
}

/// Writes entries in place of those that are there.
pub(crate) fn write_entries(
    connection: &mut PgConnection,
    changes: &[SuppressionChange<'_>],
) -> Result<(), TransactionError> {
    const TEXT: &str = "
        INSERT INTO suppressions (organization, kind, key, list, form, value, reason, added_at, expires_at,
                                  pending_since, ended_at)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::text[], $5::text[], $6::text[], $7::text[],
                             $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[])
        ON CONFLICT (organization, kind, key, list) DO UPDATE
        SET form = excluded.form, value = excluded.value, reason = excluded.reason, added_at = excluded.added_at,
            expires_at = excluded.expires_at, pending_since = excluded.pending_since, ended_at = excluded.ended_at";
    let rows: Vec<_> = changes.iter().map(SuppressionRow::from).collect();
    let columns = [
        Column::ids(rows.iter().map(|row| row.organization)),
        Column::texts(rows.iter().map(|row| row.kind.0.as_str())),
        Column::bytes(rows.iter().map(|row| row.key.0.as_bytes())),
        Column::texts(rows.iter().map(|row| row.list.as_ref())),
        Column::texts(rows.iter().map(|row| row.form.0.as_str())),
        Column::optional_texts(rows.iter().map(|row| row.value.as_deref())),
        Column::optional_texts(rows.iter().map(|row| row.reason.as_deref())),
        Column::times(rows.iter().map(|row| row.added_at)),
        Column::optional_times(rows.iter().map(|row| row.expires_at)),
        Column::optional_times(rows.iter().map(|row| row.pending_since)),
        Column::optional_times(rows.iter().map(|row| row.ended_at)),
    ];
    Statement::<()>::new(TEXT, columns).execute(connection).map(drop)
}

/// Pending entries, by kind, key and list.
pub(crate) fn pending_page(
    connection: &mut PgConnection,
    organization: OrganizationId,
    after: Option<&SuppressionCursor>,
    filter: PendingFilter,
    most: u32,
) -> QueryResult<Vec<StoredSuppression>> {
    let page = suppressions::table
        .filter(suppressions::organization.eq(Id::from(organization)))
        .filter(is_after(after))
        .filter(suppressions::pending_since.is_not_null())
        .order((suppressions::kind, suppressions::key, suppressions::list))
        .limit(most.into())
        .select(SuppressionRow::as_select())
        .into_boxed();
    let page = match filter {
        PendingFilter::All => page,
        // The condition of `suppressions_pending_contacts`.
        PendingFilter::ContactEntries => {
            page.filter(sql::<Bool>("form = 'plain' AND kind <> 'domain' AND value IS NOT NULL"))
        }
    };
    let rows: Vec<SuppressionRow<'_>> = page.load(connection)?;
    Ok(rows.into_iter().map(StoredSuppression::from).collect())
}

/// Marks entries as applied to stored leads, unless they were changed since. Only what had expired when it was marked
/// is over: an entry that expired later may still have applied to a commit that is not visible yet.
pub(crate) fn settle_entries(
    connection: &mut PgConnection,
    applied: &[AppliedEntry],
) -> Result<(), TransactionError> {
    const TEXT: &str = "
        UPDATE suppressions AS s
        SET pending_since = NULL, ended_at = CASE WHEN s.expires_at <= s.pending_since THEN r.read_at END
        FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::text[], $5::timestamptz[], $6::timestamptz[])
            AS r (organization, kind, key, list, pending_since, read_at)
        WHERE s.organization = r.organization AND s.kind = r.kind AND s.key = r.key AND s.list = r.list
          AND s.pending_since = r.pending_since";
    let mut columns = key_columns(applied.iter().map(|one| &one.key));
    columns.extend([
        Column::texts(applied.iter().map(|one| one.list.as_str())),
        Column::times(applied.iter().map(|one| one.pending_since)),
        Column::times(applied.iter().map(|one| one.read_at)),
    ]);
    Statement::<()>::new(TEXT, columns).execute(connection).map(drop)
}

/// Marks the first expired entries of an organization as pending, so that their end is applied to stored leads.
/// Returns how many.
pub(crate) fn mark_expired(
    connection: &mut PgConnection,
    organization: OrganizationId,
    now: Timestamp,
    most: i64,
) -> Result<usize, TransactionError> {
    // By the time alone: a plan that begins with the organization reads its whole list.
    const TEXT: &str = "
        WITH expired AS MATERIALIZED (
            SELECT s.organization, s.kind, s.key, s.list FROM suppressions AS s
            WHERE (s.organization = ($1::uuid[])[1]) IS TRUE
              AND s.expires_at <= ($2::timestamptz[])[1] AND s.expires_at IS NOT NULL AND s.ended_at IS NULL
              AND s.pending_since IS NULL
            ORDER BY s.expires_at
            LIMIT ($3::bigint[])[1])
        UPDATE suppressions AS s SET pending_since = ($4::timestamptz[])[1]
        FROM expired AS e
        WHERE s.organization = e.organization AND s.kind = e.kind AND s.key = e.key AND s.list = e.list
          AND s.pending_since IS NULL";
    let now = || Column::times([Time(now)].into_iter());
    let columns = [Column::one_id(organization.into()), now(), Column::Longs(vec![Some(most)]), now()];
    Statement::<()>::new(TEXT, columns).execute(connection)
}

fn key_columns<'k>(keys: impl Iterator<Item = &'k SuppressionKey> + Clone) -> Vec<Column<'k>> {
    vec![
        Column::ids(keys.clone().map(|key| key.organization)),
        Column::texts(keys.clone().map(|key| key.kind.as_str())),
        Column::bytes(keys.map(|key| key.key.as_bytes())),
    ]
}
