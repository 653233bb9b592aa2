//! Suppression lists.

use std::borrow::Cow;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Binary, Bool, Text};
use leadgate_domain::{
    KeyHash, OrganizationId, Suppression, SuppressionForm, SuppressionKey, SuppressionKind, Timestamp,
};

use super::schema::suppressions;
use super::{Connection, Database};
use crate::suppressions::{StoredSuppression, SuppressionChange, SuppressionCursor};
use crate::values::{Code, Digest, Id, Time};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = suppressions, primary_key(organization, kind, key, list), check_for_backend(Database))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct SuppressionRow<'a> {
    pub(crate) organization: Id,
    pub(crate) kind: Code<SuppressionKind>,
    pub(crate) key: Digest<KeyHash>,
    pub(crate) list: Cow<'a, str>,
    pub(crate) form: Code<SuppressionForm>,
    pub(crate) value: Option<Cow<'a, str>>,
    pub(crate) reason: Option<Cow<'a, str>>,
    pub(crate) added_at: Time,
    pub(crate) expires_at: Option<Time>,
    pub(crate) pending_since: Option<Time>,
    pub(crate) ended_at: Option<Time>,
}

impl<'a> From<&SuppressionChange<'a>> for SuppressionRow<'a> {
    fn from(change: &SuppressionChange<'a>) -> Self {
        let entry = change.entry;
        Self {
            organization: entry.key.organization.into(),
            kind: Code(entry.key.kind),
            key: Digest(entry.key.key),
            list: entry.list.as_str().into(),
            form: Code(entry.form),
            value: entry.value.as_deref().map(Cow::Borrowed),
            reason: entry.reason.as_deref().map(Cow::Borrowed),
            added_at: entry.added_at.into(),
            expires_at: entry.expires_at.map(Time),
            pending_since: change.pending_since.map(Time),
            ended_at: change.ended_at.map(Time),
        }
    }
}

impl From<SuppressionRow<'_>> for StoredSuppression {
    fn from(row: SuppressionRow<'_>) -> Self {
        let key = SuppressionKey { organization: row.organization.into(), kind: row.kind.0, key: row.key.0 };
        let entry = Suppression {
            key,
            list: row.list.into_owned(),
            form: row.form.0,
            value: row.value.map(Cow::into_owned),
            reason: row.reason.map(Cow::into_owned),
            added_at: row.added_at.into(),
            expires_at: row.expires_at.map(|at| at.0),
        };
        let (pending_since, ended_at) = (row.pending_since.map(|at| at.0), row.ended_at.map(|at| at.0));
        Self { entry, pending_since, ended_at }
    }
}

/// Whether an entry comes after the cursor, by kind, key and list. diesel has no comparison of rows. Without one, a
/// page would read all earlier entries of its kind.
pub(crate) fn is_after(
    cursor: Option<&SuppressionCursor>,
) -> Box<dyn BoxableExpression<suppressions::table, Database, SqlType = Bool> + '_> {
    let (kind, key, list) =
        cursor.map_or(("", [].as_slice(), ""), |at| (at.kind.as_str(), at.key.as_bytes(), &at.list));
    let comparison = sql::<Bool>("(kind, key, list) > (")
        .bind::<Text, _>(kind)
        .sql(", ")
        .bind::<Binary, _>(key)
        .sql(", ")
        .bind::<Text, _>(list)
        .sql(")");
    Box::new(comparison)
}

/// Entries that have not expired, by kind, key and list.
pub(crate) fn active_page(
    connection: &mut Connection,
    organization: OrganizationId,
    after: Option<&SuppressionCursor>,
    now: Timestamp,
    most: u32,
) -> QueryResult<Vec<Suppression>> {
    let rows: Vec<SuppressionRow<'_>> = suppressions::table
        .filter(suppressions::organization.eq(Id::from(organization)))
        .filter(is_after(after))
        .filter(suppressions::expires_at.is_null().or(suppressions::expires_at.gt(Time(now))))
        .order((suppressions::kind, suppressions::key, suppressions::list))
        .limit(most.into())
        .select(SuppressionRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(|row| StoredSuppression::from(row).entry).collect())
}

/// Those of the keys, all of one kind, under which an entry is pending.
pub(crate) fn pending_keys(
    connection: &mut Connection,
    organization: OrganizationId,
    kind: SuppressionKind,
    keys: Vec<KeyHash>,
) -> QueryResult<Vec<KeyHash>> {
    let found: Vec<Digest<KeyHash>> = suppressions::table
        .filter(among!(suppressions::key, organization, keys.into_iter().map(Digest)))
        .filter(suppressions::kind.eq(Code(kind)))
        .filter(suppressions::pending_since.is_not_null())
        .select(suppressions::key)
        .load(connection)?;
    Ok(found.into_iter().map(|key| key.0).collect())
}

/// The organizations with expired entries whose end is neither pending nor applied.
pub(crate) fn organizations_with_expired(
    connection: &mut Connection,
    now: Timestamp,
) -> QueryResult<Vec<OrganizationId>> {
    let found: Vec<Id> = suppressions::table
        .filter(suppressions::expires_at.le(Time(now)))
        .filter(suppressions::expires_at.is_not_null())
        .filter(suppressions::ended_at.is_null())
        .filter(suppressions::pending_since.is_null())
        .select(suppressions::organization)
        .distinct()
        .load(connection)?;
    Ok(found.into_iter().map(OrganizationId::from).collect())
}

/// The organizations with entries that are pending since that time or longer.
pub(crate) fn organizations_with_overdue(
    connection: &mut Connection,
    since: Timestamp,
) -> QueryResult<Vec<OrganizationId>> {
    let found: Vec<Id> = suppressions::table
        .filter(suppressions::pending_since.le(Time(since)))
        .filter(suppressions::pending_since.is_not_null())
        .select(suppressions::organization)
        .distinct()
        .load(connection)?;
    Ok(found.into_iter().map(OrganizationId::from).collect())
}
