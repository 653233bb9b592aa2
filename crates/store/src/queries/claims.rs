//! Claims: which lead an identity key belongs to.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use leadgate_domain::{
    BodyHash, Claim, ClaimKey, ClaimKind, KeyHash, LeadId, OrganizationId, SubmissionId, Trust,
};

use super::schema::claims;
use super::{Connection, Database};
use crate::values::{Code, Digest, Id, Time};

diesel::postfix_operator!(IsTrue, " IS TRUE");

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = claims, primary_key(organization, kind, key), check_for_backend(Database))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct ClaimRow {
    organization: Id,
    kind: Code<ClaimKind>,
    key: Digest<KeyHash>,
    lead: Id,
    submission: Id,
    trust: Code<Trust>,
    body_hash: Option<Digest<BodyHash>>,
    last_seen: Time,
    protected_until: Option<Time>,
}

impl From<&Claim> for ClaimRow {
    fn from(claim: &Claim) -> Self {
        Self {
            organization: claim.key.organization.into(),
            kind: Code(claim.key.kind),
            key: Digest(claim.key.key),
            lead: claim.lead.into(),
            submission: claim.submission.into(),
            trust: Code(claim.trust),
            body_hash: claim.body_hash.map(Digest),
            last_seen: claim.last_seen.into(),
            protected_until: claim.protected_until.map(Time),
        }
    }
}

impl From<ClaimRow> for Claim {
    fn from(row: ClaimRow) -> Self {
        Self {
            key: ClaimKey { organization: row.organization.into(), kind: row.kind.0, key: row.key.0 },
            lead: row.lead.into(),
            submission: row.submission.into(),
            trust: row.trust.0,
            body_hash: row.body_hash.map(|hash| hash.0),
            last_seen: row.last_seen.into(),
            protected_until: row.protected_until.map(|until| until.0),
        }
    }
}

/// Whether a claim is one of the organization, in a query that finds claims by their leads or submissions. No
/// index serves this condition: by one that begins with the organization, PostgreSQL may read all claims of
/// the organization.
macro_rules! is_of {
    ($organization:expr) => {
        IsTrue::new(claims::organization.eq(Id::from($organization)))
    };
}

/// Deletes all claims of these leads.
pub(crate) fn delete_claims_of_leads(
    connection: &mut Connection,
    organization: OrganizationId,
    leads: &[LeadId],
) -> QueryResult<usize> {
    let held = claims::table
        .filter(claims::lead.eq_any(leads.iter().copied().map(Id::from)))
        .filter(is_of!(organization));
    diesel::delete(held).execute(connection)
}

/// Deletes the claims that these submissions took for these leads.
pub(crate) fn delete_claims_taken(
    connection: &mut Connection,
    organization: OrganizationId,
    leads: &[LeadId],
    submissions: &[SubmissionId],
) -> QueryResult<usize> {
    let taken = claims::table
        .filter(claims::lead.eq_any(leads.iter().copied().map(Id::from)))
        .filter(claims::submission.eq_any(submissions.iter().copied().map(Id::from)))
        .filter(is_of!(organization));
    diesel::delete(taken).execute(connection)
}

/// Deletes the idempotency keys that these submissions used first.
pub(crate) fn delete_idempotency_keys(
    connection: &mut Connection,
    organization: OrganizationId,
    keys: &[KeyHash],
    submissions: &[SubmissionId],
) -> QueryResult<usize> {
    let used = claims::table
        // The text of the index's own condition: SQLite does not use the index for a bound value.
        .filter(sql::<Bool>("kind = 'idempotency'"))
        .filter(claims::submission.eq_any(submissions.iter().copied().map(Id::from)))
        .filter(claims::key.eq_any(keys.iter().copied().map(Digest)))
        .filter(is_of!(organization));
    diesel::delete(used).execute(connection)
}
