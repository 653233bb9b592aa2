//! Claims. There is one writer at a time, so nothing needs locking.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use leadgate_domain::{Claim, ClaimKey, ClaimKind, KeyHash, LeadId, OrganizationId, Timestamp};

pub(crate) use super::queries::claims::*;
use super::schema::claims;
use crate::values::{Code, Digest, Id, Time};

/// Takes the free keys. Returns how many were free.
pub(crate) fn lock_claims(connection: &mut SqliteConnection, rows: &[Claim]) -> QueryResult<usize> {
    let mut free = 0;
    for claim in rows {
        let insert = diesel::insert_into(claims::table).values(ClaimRow::from(claim));
        free += insert.on_conflict_do_nothing().execute(connection)?;
    }
    Ok(free)
}

pub(crate) fn read_claims<'k>(
    connection: &mut SqliteConnection,
    keys: impl Iterator<Item = &'k ClaimKey> + Clone,
) -> QueryResult<Vec<Claim>> {
    let mut groups: BTreeMap<(OrganizationId, ClaimKind), Vec<Digest<KeyHash>>> = BTreeMap::new();
    for key in keys {
        groups.entry((key.organization, key.kind)).or_default().push(Digest(key.key));
    }
    let mut found = Vec::new();
    for ((organization, kind), keys) in groups {
        let rows: Vec<ClaimRow> = claims::table
            .filter(claims::organization.eq(Id::from(organization)))
            .filter(claims::kind.eq(Code(kind)))
            .filter(claims::key.eq_any(keys))
            .select(ClaimRow::as_select())
            .load(connection)?;
        found.extend(rows.into_iter().map(Claim::from));
    }
    Ok(found)
}

/// Changes claims that exist.
pub(crate) fn update_claims(connection: &mut SqliteConnection, rows: &[Claim]) -> QueryResult<usize> {
    let mut changed = 0;
    for claim in rows {
        changed += diesel::update(one(&claim.key)).set(ClaimRow::from(claim)).execute(connection)?;
    }
    Ok(changed)
}

pub(crate) fn delete_claims(connection: &mut SqliteConnection, keys: &[ClaimKey]) -> QueryResult<usize> {
    let mut deleted = 0;
    for key in keys {
        deleted += diesel::delete(one(key)).execute(connection)?;
    }
    Ok(deleted)
}

/// Nothing: there is one writer at a time.
pub(crate) fn lock_public_claims(
    _connection: &mut SqliteConnection,
    _leads: &BTreeSet<(OrganizationId, LeadId)>,
) -> QueryResult<Vec<ClaimKey>> {
    Ok(Vec::new())
}

/// Deletes the identity keys that only public submissions tied to these leads.
pub(crate) fn delete_public_claims(
    connection: &mut SqliteConnection,
    leads: &BTreeSet<(OrganizationId, LeadId)>,
) -> QueryResult<usize> {
    let mut deleted = 0;
    for (organization, lead) in leads {
        let public = claims::table
            .filter(claims::lead.eq(Id::from(*lead)))
            .filter(claims::organization.eq(Id::from(*organization)))
            .filter(claims::trust.eq("public"))
            .filter(claims::kind.ne(Code(ClaimKind::Idempotency)));
        deleted += diesel::delete(public).execute(connection)?;
    }
    Ok(deleted)
}

/// Deletes the oldest idempotency keys, of submissions before `before` that were last seen before `last_seen`.
pub(crate) fn purge_idempotency_keys(
    connection: &mut SqliteConnection,
    before: Id,
    last_seen: Timestamp,
    most: i64,
) -> QueryResult<usize> {
    let old: Vec<(Id, Digest<KeyHash>)> = claims::table
        // The text of the index's own condition: SQLite does not use the index for a bound value.
        .filter(diesel::dsl::sql::<diesel::sql_types::Bool>("kind = 'idempotency'"))
        .filter(claims::submission.lt(before))
        .filter(claims::last_seen.lt(Time(last_seen)))
        .order(claims::submission)
        .limit(most)
        .select((claims::organization, claims::key))
        .load(connection)?;
    let mut deleted = 0;
    for (organization, key) in old {
        let key = ClaimKey { organization: organization.into(), kind: ClaimKind::Idempotency, key: key.0 };
        deleted += diesel::delete(one(&key)).execute(connection)?;
    }
    Ok(deleted)
}

#[diesel::dsl::auto_type]
fn one(key: &ClaimKey) -> _ {
    let (organization, kind, key): (Id, Code<ClaimKind>, Digest<KeyHash>) =
        (Id::from(key.organization), Code(key.kind), Digest(key.key));
    claims::table.find((organization, kind, key))
}

#[cfg(test)]
mod tests {
    use leadgate_domain::SubmissionId;
    use uuid::Uuid;

    use super::*;
    use crate::sqlite::plans::plan_of;

    #[test]
    fn claims_of_leads_and_submissions_are_found_by_an_index() {
        let organization = OrganizationId::generate();
        let (id, lead) = (SubmissionId::from_uuid(Uuid::nil()), LeadId::from_uuid(Uuid::nil()));
        let claims = |index: &str, range: &str| format!("SEARCH claims USING {index} ({range})");
        let all = plan_of(|connection| delete_claims_of_leads(connection, organization, &[lead; 200]));
        assert_eq!(all, [claims("INDEX claims_by_lead", "lead=?")]);
        let taken =
            plan_of(|connection| delete_claims_taken(connection, organization, &[lead; 200], &[id; 200]));
        assert_eq!(taken, [claims("INDEX claims_by_lead", "lead=?")]);
        let key = KeyHash::from_bytes(&[0; 16]).unwrap();
        let used =
            plan_of(|connection| delete_idempotency_keys(connection, organization, &[key; 200], &[id; 200]));
        assert_eq!(used, [claims("INDEX claims_of_requests", "submission=?")]);
    }
}
