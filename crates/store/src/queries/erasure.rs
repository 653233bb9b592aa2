//! What an erasure reads and deletes, inside one organization.

use std::collections::BTreeMap;

use diesel::dsl::{SqlTypeOf, exists, not};
use diesel::prelude::*;
use leadgate_domain::{
    KeyHash, LeadId, OrganizationId, Outcome, SubmissionId, SuppressionKey, SuppressionKind, Timestamp,
};

use super::Connection;
use super::schema::{leads, leads_to_rebuild, outcomes, submissions, suppressions};
use crate::erasure::ErasureCause;
use crate::values::{Code, Digest, Id, Time};

/// Those of the submissions that are not erased, each with the idempotency key that it came with.
pub(crate) fn find_unerased(
    connection: &mut Connection,
    organization: OrganizationId,
    ids: &[SubmissionId],
) -> QueryResult<Vec<(SubmissionId, Option<KeyHash>)>> {
    // Not filtered by the database: without statistics PostgreSQL takes `erased_at IS NULL` for rare, and may
    // begin with all submissions.
    let rows: Vec<(Id, Option<Digest<KeyHash>>, Option<Time>)> = submissions::table
        .filter(among!(submissions::id, organization, ids.iter().copied().map(Id::from)))
        .select((submissions::id, submissions::idempotency_key_hash, submissions::erased_at))
        .load(connection)?;
    let unerased = rows.into_iter().filter(|(.., erased_at)| erased_at.is_none());
    Ok(unerased.map(|(id, key, _)| (id.into(), key.map(|key| key.0))).collect())
}

pub(crate) fn delete_leads(
    connection: &mut Connection,
    organization: OrganizationId,
    ids: &[LeadId],
) -> QueryResult<usize> {
    let named = leads::table.filter(among!(leads::id, organization, ids.iter().copied().map(Id::from)));
    diesel::delete(named).execute(connection)
}

/// Leaves nothing of suppression entries but their keys, lists and times.
pub(crate) fn blank_suppressions(
    connection: &mut Connection,
    organization: OrganizationId,
    keys: &[SuppressionKey],
) -> QueryResult<()> {
    let mut by_kind: BTreeMap<SuppressionKind, Vec<Digest<KeyHash>>> = BTreeMap::new();
    for key in keys {
        by_kind.entry(key.kind).or_default().push(Digest(key.key));
    }
    for (kind, keys) in by_kind {
        let named = suppressions::table
            .filter(among!(suppressions::key, organization, keys.into_iter()))
            .filter(suppressions::kind.eq(Code(kind)))
            .filter(suppressions::value.is_not_null());
        let blank = (suppressions::value.eq(None::<String>), suppressions::reason.eq(None::<String>));
        diesel::update(named).set(blank).execute(connection)?;
    }
    Ok(())
}

/// Notes that these leads are to be rebuilt, as far as they exist and are not noted yet.
pub(crate) fn add_leads_to_rebuild(
    connection: &mut Connection,
    organization: OrganizationId,
    ids: &[LeadId],
    since: Timestamp,
) -> QueryResult<usize> {
    let existing =
        leads::table.filter(among!(leads::id, organization, ids.iter().copied().map(Id::from))).select((
            leads::organization,
            leads::id,
            Time(since).into_sql::<SqlTypeOf<leads_to_rebuild::since>>(),
        ));
    diesel::insert_into(leads_to_rebuild::table)
        .values(existing)
        .into_columns((leads_to_rebuild::organization, leads_to_rebuild::lead, leads_to_rebuild::since))
        .on_conflict_do_nothing()
        .execute(connection)
}

/// The leads to rebuild, each with whether it is made of anything else than what was erased on request.
pub(crate) fn leads_to_rebuild(
    connection: &mut Connection,
    organization: OrganizationId,
) -> QueryResult<Vec<(LeadId, bool)>> {
    let own =
        submissions::organization.eq(outcomes::organization).and(submissions::id.eq(outcomes::submission));
    let remains = exists(
        outcomes::table
            .inner_join(submissions::table.on(own))
            .filter(outcomes::organization.eq(leads_to_rebuild::organization))
            .filter(outcomes::lead.eq(leads_to_rebuild::lead.nullable()))
            .filter(outcomes::outcome.eq_any([Outcome::Created, Outcome::Updated].map(Code)))
            .filter(not(is_superseded!()))
            .filter(
                submissions::erased_by
                    .is_null()
                    .or(submissions::erased_by.ne(ErasureCause::Request.as_str())),
            ),
    );
    let rows: Vec<(Id, bool)> = leads_to_rebuild::table
        .filter(leads_to_rebuild::organization.eq(Id::from(organization)))
        .select((leads_to_rebuild::lead, remains))
        .load(connection)?;
    Ok(rows.into_iter().map(|(lead, remains)| (lead.into(), remains)).collect())
}

pub(crate) fn delete_leads_to_rebuild(
    connection: &mut Connection,
    organization: OrganizationId,
    leads: &[LeadId],
) -> QueryResult<usize> {
    let named = leads_to_rebuild::table.filter(among!(
        leads_to_rebuild::lead,
        organization,
        leads.iter().copied().map(Id::from)
    ));
    diesel::delete(named).execute(connection)
}
