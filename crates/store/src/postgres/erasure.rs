//! Erasures. Each emptied row gets a value of its own: these are columns of rows.

use std::iter::repeat_n;

use diesel::prelude::*;
use leadgate_domain::{BodyHash, OrganizationId, SubmissionId, Timestamp};
use uuid::Uuid;

pub(crate) use super::queries::erasure::*;
use super::statement::{Column, Statement};
use crate::erasure::{ErasedTrace, ErasureCause};
use crate::error::TransactionError;
use crate::values::{Id, document};

/// Leaves what is erased alone. Returns how many were emptied.
pub(crate) fn empty_submissions(
    connection: &mut PgConnection,
    organization: OrganizationId,
    ids: &[SubmissionId],
    (by, at): (ErasureCause, Timestamp),
) -> Result<usize, TransactionError> {
    const TEXT: &str = "
        UPDATE submissions AS s
        SET client_address = NULL, client_user_agent = NULL, fields = '{}', raw = '', raw_encoding = 'text',
            media = NULL, query = NULL, mapping_fault = NULL, body_hash = r.body_hash, idempotency_key_hash = NULL,
            traceparent = NULL, extra = '{}', erased_at = r.erased_at, erased_by = r.erased_by
        FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::timestamptz[], $5::text[])
            AS r (organization, id, body_hash, erased_at, erased_by)
        WHERE s.organization = r.organization AND s.id = r.id AND s.erased_at IS NULL";
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    Statement::<()>::new(TEXT, emptied(organization, &ids, &hashes(&ids), (by, at))).execute(connection)
}

/// The same for entries of the quarantine. Open ones are discarded.
pub(crate) fn empty_entries(
    connection: &mut PgConnection,
    organization: OrganizationId,
    ids: &[Uuid],
    (by, at): (ErasureCause, Timestamp),
) -> Result<usize, TransactionError> {
    const TEXT: &str = "
        UPDATE quarantine AS q
        SET document = NULL, repair = NULL, note = NULL, body_hash = r.body_hash,
            settled_at = CASE q.state WHEN 'open' THEN r.erased_at ELSE q.settled_at END,
            settled_by = CASE q.state WHEN 'open' THEN r.erased_by ELSE q.settled_by END,
            state = CASE q.state WHEN 'open' THEN 'discarded' ELSE q.state END, erased_at = r.erased_at
        FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::timestamptz[], $5::text[])
            AS r (organization, id, body_hash, erased_at, erased_by)
        WHERE q.organization = r.organization AND q.id = r.id AND q.erased_at IS NULL";
    Statement::<()>::new(TEXT, emptied(organization, ids, &hashes(ids), (by, at))).execute(connection)
}

/// Replaces traces of outcomes.
pub(crate) fn update_traces(
    connection: &mut PgConnection,
    organization: OrganizationId,
    traces: &[ErasedTrace],
) -> Result<usize, TransactionError> {
    const TEXT: &str = "
        UPDATE outcomes AS o SET trace = r.trace
        FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::text[]) AS r (organization, submission, revision, trace)
        WHERE o.organization = r.organization AND o.submission = r.submission AND o.revision = r.revision";
    let documents = traces.iter().map(|one| document(&one.trace)).collect::<Result<Vec<_>, _>>()?;
    let columns = [
        Column::ids(repeat_n(organization, traces.len())),
        Column::ids(traces.iter().map(|one| one.submission)),
        Column::integers(traces.iter().map(|one| one.revision)),
        Column::texts(documents.into_iter()),
    ];
    Statement::<()>::new(TEXT, columns).execute(connection)
}

fn hashes(ids: &[Uuid]) -> Vec<BodyHash> {
    ids.iter().copied().map(BodyHash::erased).collect()
}

fn emptied<'a>(
    organization: OrganizationId,
    ids: &[Uuid],
    hashes: &'a [BodyHash],
    (by, at): (ErasureCause, Timestamp),
) -> [Column<'a>; 5] {
    let by: &'static str = by.into();
    [
        Column::ids(repeat_n(organization, ids.len())),
        Column::ids(ids.iter().copied().map(Id::from)),
        Column::bytes(hashes.iter().map(|hash| hash.as_bytes())),
        Column::times(repeat_n(at, ids.len())),
        Column::texts(repeat_n(by, ids.len())),
    ]
}
