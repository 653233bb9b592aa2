//! Suppression lists, one entry after the other: there is one writer at a time.

use std::collections::{BTreeMap, BTreeSet};

use diesel::dsl::{exists, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};
use leadgate_domain::{KeyHash, OrganizationId, SuppressionKey, SuppressionKind, Timestamp};

use super::queries::suppressions::SuppressionRow;
pub(crate) use super::queries::suppressions::*;
use super::schema::suppressions;
use crate::rescreen::{AppliedEntry, PendingFilter};
use crate::suppressions::{StoredSuppression, SuppressionChange, SuppressionCursor};
use crate::values::{Code, Digest, Id, Time};

/// Keys per statement: SQLite limits the number of binds.
const KEYS_AT_ONCE: usize = 1_000;

/// All entries under these keys, also those that have ended, each with the time at which it was read. Most
/// organizations have a short list or none.
pub(crate) fn find_entries(
    connection: &mut SqliteConnection,
    keys: &BTreeSet<SuppressionKey>,
) -> QueryResult<Vec<(StoredSuppression, Timestamp)>> {
    let mut by_organization: BTreeMap<OrganizationId, BTreeMap<SuppressionKind, Vec<Digest<KeyHash>>>> =
        BTreeMap::new();
    for SuppressionKey { organization, kind, key } in keys {
        by_organization.entry(*organization).or_default().entry(*kind).or_default().push(Digest(*key));
    }
    let mut found = Vec::new();
    for (organization, kinds) in by_organization {
        if !has_entries(connection, organization)? {
            continue;
        }
        for (kind, keys) in &kinds {
            for keys in keys.chunks(KEYS_AT_ONCE) {
                let rows: Vec<SuppressionRow<'_>> = suppressions::table
                    .filter(suppressions::organization.eq(Id::from(organization)))
                    .filter(suppressions::kind.eq(Code(*kind)))
                    .filter(suppressions::key.eq_any(keys))
                    .select(SuppressionRow::as_select())
                    .load(connection)?;
                found.extend(rows.into_iter().map(StoredSuppression::from));
            }
        }
    }
    let now = Timestamp::now();
    Ok(found.into_iter().map(|entry| (entry, now)).collect())
}

fn has_entries(connection: &mut SqliteConnection, organization: OrganizationId) -> QueryResult<bool> {
    let entries = suppressions::table.filter(suppressions::organization.eq(Id::from(organization)));
    diesel::select(exists(entries)).get_result(connection)
}

/// Writes entries in place of those that are there.
pub(crate) fn write_entries(
    connection: &mut SqliteConnection,
    changes: &[SuppressionChange<'_>],
) -> QueryResult<()> {
    for row in changes.iter().map(SuppressionRow::from) {
        diesel::insert_into(suppressions::table)
            .values(&row)
            .on_conflict((
                suppressions::organization,
                suppressions::kind,
                suppressions::key,
                suppressions::list,
            ))
            .do_update()
            .set(&row)
            .execute(connection)?;
    }
    Ok(())
}

/// Pending entries, by kind, key and list.
pub(crate) fn pending_page(
    connection: &mut SqliteConnection,
    organization: OrganizationId,
    after: Option<&SuppressionCursor>,
    filter: PendingFilter,
    most: u32,
) -> QueryResult<Vec<StoredSuppression>> {
    // SQLite takes the primary key, which has the same columns, for as good an index, and would read the whole list of
    // the organization.
    let pending = "pending_since IS NOT NULL";
    let (index, condition) = match filter {
        PendingFilter::All => ("suppressions_pending", pending.to_owned()),
        PendingFilter::ContactEntries => (
            "suppressions_pending_contacts",
            format!("{pending} AND form = 'plain' AND kind <> 'domain' AND value IS NOT NULL"),
        ),
    };
    let (kind, key, list) =
        after.map_or(("", [].as_slice(), ""), |at| (at.kind.as_str(), at.key.as_bytes(), &at.list));
    let rows: Vec<SuppressionRow<'_>> = sql::<suppressions::SqlType>(&format!(
        "SELECT organization, kind, key, list, form, value, reason, added_at, expires_at, pending_since, ended_at
         FROM suppressions INDEXED BY {index} WHERE {condition} AND organization = "
    ))
    .bind::<Binary, _>(Id::from(organization))
    .sql(" AND (kind, key, list) > (")
    .bind::<Text, _>(kind)
    .sql(", ")
    .bind::<Binary, _>(key)
    .sql(", ")
    .bind::<Text, _>(list)
    .sql(") ORDER BY kind, key, list LIMIT ")
    .bind::<BigInt, _>(i64::from(most))
    .load(connection)?;
    Ok(rows.into_iter().map(StoredSuppression::from).collect())
}

/// Marks entries as applied to stored leads, unless they were changed since. Only what had expired when it was marked
/// is over: an entry that expired later may still have applied to a commit that is not visible yet.
pub(crate) fn settle_entries(connection: &mut SqliteConnection, applied: &[AppliedEntry]) -> QueryResult<()> {
    for AppliedEntry { key, list, pending_since, read_at } in applied {
        let SuppressionKey { organization, kind, key } = *key;
        let entry = || {
            let entry = suppressions::table.find((Id::from(organization), Code(kind), Digest(key), list));
            entry.filter(suppressions::pending_since.eq(Time(*pending_since)))
        };
        let settled = |ended_at: Option<Time>| {
            (suppressions::pending_since.eq(None::<Time>), suppressions::ended_at.eq(ended_at))
        };
        let expired = entry().filter(suppressions::expires_at.le(Time(*pending_since)));
        diesel::update(expired).set(settled(Some(Time(*read_at)))).execute(connection)?;
        // Finds nothing if the entry had expired: it is no longer pending.
        diesel::update(entry()).set(settled(None)).execute(connection)?;
    }
    Ok(())
}

/// Marks the first expired entries of an organization as pending, so that their end is applied to stored leads.
/// Returns how many.
pub(crate) fn mark_expired(
    connection: &mut SqliteConnection,
    organization: OrganizationId,
    now: Timestamp,
    most: i64,
) -> QueryResult<usize> {
    let expired: Vec<(Code<SuppressionKind>, Digest<KeyHash>, String)> = suppressions::table
        // The plus sign keeps SQLite from the primary key: it would read the whole list of the organization.
        .filter(sql::<Binary>("+organization").eq(Id::from(organization)))
        .filter(suppressions::expires_at.le(Time(now)))
        .filter(suppressions::expires_at.is_not_null())
        .filter(suppressions::ended_at.is_null())
        .filter(suppressions::pending_since.is_null())
        .order(suppressions::expires_at)
        .limit(most)
        .select((suppressions::kind, suppressions::key, suppressions::list))
        .load(connection)?;
    for (kind, key, list) in &expired {
        let entry = suppressions::table.find((Id::from(organization), *kind, *key, list));
        diesel::update(entry).set(suppressions::pending_since.eq(Time(now))).execute(connection)?;
    }
    Ok(expired.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::plans::plan_of;

    #[test]
    fn entries_are_found_by_an_index() {
        let (organization, now) = (OrganizationId::generate(), Timestamp::now());
        let pending = |filter| plan_of(|connection| pending_page(connection, organization, None, filter, 10));
        let range = "(organization=? AND (kind,key,list)>(?,?,?))";
        assert_eq!(
            pending(PendingFilter::All),
            [format!("SEARCH suppressions USING INDEX suppressions_pending {range}")]
        );
        assert_eq!(
            pending(PendingFilter::ContactEntries),
            [format!("SEARCH suppressions USING INDEX suppressions_pending_contacts {range}")]
        );
        assert_eq!(
            plan_of(|connection| active_page(connection, organization, None, now, 10)),
            [format!("SEARCH suppressions USING PRIMARY KEY {range}")]
        );
        let expired = "SEARCH suppressions USING INDEX suppressions_lapsing (expires_at>? AND expires_at<?)";
        assert_eq!(plan_of(|connection| mark_expired(connection, organization, now, 10)), [expired]);
        let organizations = plan_of(|connection| organizations_with_expired(connection, now));
        assert_eq!(organizations, [expired, "USE TEMP B-TREE FOR DISTINCT"]);
        let organizations = plan_of(|connection| organizations_with_overdue(connection, now));
        assert_eq!(organizations, ["SCAN suppressions USING INDEX suppressions_pending"]);
    }
}
