//! Claims, as columns of rows: a batch meets many keys of many organizations at once.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::sql_types::{Binary, Text, Uuid as UuidType};
use leadgate_domain::{Claim, ClaimKey, ClaimKind, KeyHash, LeadId, OrganizationId, Timestamp};

pub(crate) use super::queries::claims::*;
use super::schema::claims;
use super::statement::{Column, Statement};
use crate::error::TransactionError;
use crate::values::{Code, Digest, Id, Time};

/// Takes the free keys and locks the others. Returns how many were free. `claims` must be sorted by key, which prevents
/// deadlocks.
pub(crate) fn lock_claims(
    connection: &mut PgConnection,
    claims: &[Claim],
) -> Result<usize, TransactionError> {
    // The update writes nothing where a claim is held, and locks it all the same; a plain `DO NOTHING` would not.
    // Rows are locked in the given order, which is the same for all writers.
    const TEXT: &str = "
        INSERT INTO claims (organization, kind, key, lead, submission, trust, body_hash, last_seen, protected_until)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::uuid[], $5::uuid[], $6::text[], $7::bytea[],
                             $8::timestamptz[], $9::timestamptz[])
        ON CONFLICT (organization, kind, key) DO UPDATE SET lead = claims.lead WHERE false";
    Statement::<()>::new(TEXT, columns(claims)).execute(connection)
}

/// Not by `RETURNING` of [`lock_claims`]: that gives no rows that were not written, and its snapshot is older than what
/// it waited for.
pub(crate) fn read_claims<'k>(
    connection: &mut PgConnection,
    keys: impl Iterator<Item = &'k ClaimKey> + Clone,
) -> Result<Vec<Claim>, TransactionError> {
    const TEXT: &str = "
        SELECT c.organization, c.kind, c.key, c.lead, c.submission, c.trust, c.body_hash, c.last_seen, c.protected_until
        FROM unnest($1::uuid[], $2::text[], $3::bytea[]) AS r (organization, kind, key)
        JOIN claims AS c ON c.organization = r.organization AND c.kind = r.kind AND c.key = r.key";
    let statement = Statement::<claims::SqlType>::new(TEXT, key_columns(keys));
    let rows: Vec<ClaimRow> = statement.load(connection)?;
    Ok(rows.into_iter().map(Claim::from).collect())
}

/// Changes claims that exist.
pub(crate) fn update_claims(
    connection: &mut PgConnection,
    claims: &[Claim],
) -> Result<usize, TransactionError> {
    const TEXT: &str = "
        UPDATE claims AS c
        SET lead = r.lead, submission = r.submission, trust = r.trust, body_hash = r.body_hash,
            last_seen = r.last_seen, protected_until = r.protected_until
        FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::uuid[], $5::uuid[], $6::text[], $7::bytea[],
                    $8::timestamptz[], $9::timestamptz[])
            AS r (organization, kind, key, lead, submission, trust, body_hash, last_seen, protected_until)
        WHERE c.organization = r.organization AND c.kind = r.kind AND c.key = r.key";
    Statement::<()>::new(TEXT, columns(claims)).execute(connection)
}

pub(crate) fn delete_claims(
    connection: &mut PgConnection,
    keys: &[ClaimKey],
) -> Result<usize, TransactionError> {
    const TEXT: &str = "
        DELETE FROM claims AS c
        USING unnest($1::uuid[], $2::text[], $3::bytea[]) AS r (organization, kind, key)
        WHERE c.organization = r.organization AND c.kind = r.kind AND c.key = r.key";
    Statement::<()>::new(TEXT, key_columns(keys.iter())).execute(connection)
}

/// The identity keys that only public submissions tied to these leads, locked in the order of keys.
pub(crate) fn lock_public_claims(
    connection: &mut PgConnection,
    leads: &BTreeSet<(OrganizationId, LeadId)>,
) -> Result<Vec<ClaimKey>, TransactionError> {
    // Found by the lead's index, whatever the statistics say of the organization. The kinds in the order of
    // `ClaimKind`, by which commits lock claims.
    const TEXT: &str = "
        SELECT c.organization, c.kind, c.key
        FROM unnest($1::uuid[], $2::uuid[]) AS r (organization, id)
        JOIN claims AS c ON c.lead = r.id AND (c.organization = r.organization) IS TRUE
        WHERE c.trust = 'public' AND c.kind <> 'idempotency'
        ORDER BY c.organization,
                 array_position(ARRAY['external_id', 'line_id', 'phone', 'email', 'gmail_mailbox'], c.kind), c.key
        FOR UPDATE OF c";
    let statement = Statement::<(UuidType, Text, Binary)>::new(TEXT, lead_columns(leads));
    let rows: Vec<(Id, Code<ClaimKind>, Digest<KeyHash>)> = statement.load(connection)?;
    let key = |(organization, kind, key): (Id, Code<ClaimKind>, Digest<KeyHash>)| ClaimKey {
        organization: organization.into(),
        kind: kind.0,
        key: key.0,
    };
    Ok(rows.into_iter().map(key).collect())
}

/// Deletes the same keys.
pub(crate) fn delete_public_claims(
    connection: &mut PgConnection,
    leads: &BTreeSet<(OrganizationId, LeadId)>,
) -> Result<usize, TransactionError> {
    const TEXT: &str = "
        DELETE FROM claims AS c
        USING unnest($1::uuid[], $2::uuid[]) AS r (organization, id)
        WHERE c.lead = r.id AND (c.organization = r.organization) IS TRUE AND c.trust = 'public'
          AND c.kind <> 'idempotency'";
    Statement::<()>::new(TEXT, lead_columns(leads)).execute(connection)
}

/// Deletes the oldest idempotency keys, of submissions before `before` that were last seen before `last_seen`. Rows that
/// a commit has locked are skipped: neither waits for the other.
pub(crate) fn purge_idempotency_keys(
    connection: &mut PgConnection,
    before: Id,
    last_seen: Timestamp,
    most: i64,
) -> Result<usize, TransactionError> {
    const TEXT: &str = "
        WITH old AS MATERIALIZED (
            SELECT c.organization, c.kind, c.key FROM claims AS c
            WHERE c.kind = 'idempotency' AND c.submission < ($1::uuid[])[1] AND c.last_seen < ($2::timestamptz[])[1]
            ORDER BY c.submission
            LIMIT ($3::bigint[])[1]
            FOR UPDATE SKIP LOCKED)
        DELETE FROM claims AS c USING old
        WHERE c.organization = old.organization AND c.kind = old.kind AND c.key = old.key";
    let columns = [
        Column::one_id(before),
        Column::times([Time(last_seen)].into_iter()),
        Column::Longs(vec![Some(most)]),
    ];
    Statement::<()>::new(TEXT, columns).execute(connection)
}

fn columns(claims: &[Claim]) -> Vec<Column<'_>> {
    let mut columns = key_columns(claims.iter().map(|claim| &claim.key));
    columns.extend([
        Column::ids(claims.iter().map(|claim| claim.lead)),
        Column::ids(claims.iter().map(|claim| claim.submission)),
        Column::texts(claims.iter().map(|claim| claim.trust.as_str())),
        Column::optional_bytes(claims.iter().map(|claim| Some(claim.body_hash.as_ref()?.as_bytes()))),
        Column::times(claims.iter().map(|claim| claim.last_seen)),
        Column::optional_times(claims.iter().map(|claim| claim.protected_until)),
    ]);
    columns
}

fn key_columns<'k>(keys: impl Iterator<Item = &'k ClaimKey> + Clone) -> Vec<Column<'k>> {
    vec![
        Column::ids(keys.clone().map(|key| key.organization)),
        Column::texts(keys.clone().map(|key| key.kind.as_str())),
        Column::bytes(keys.map(|key| key.key.as_bytes())),
    ]
}

fn lead_columns(leads: &BTreeSet<(OrganizationId, LeadId)>) -> [Column<'static>; 2] {
    [
        Column::ids(leads.iter().map(|(organization, _)| *organization)),
        Column::ids(leads.iter().map(|(_, lead)| *lead)),
    ]
}
