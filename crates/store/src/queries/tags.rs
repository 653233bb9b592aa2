//! Numbered tags.

use diesel::dsl::max;
use diesel::prelude::*;
use leadgate_domain::{OrganizationId, Timestamp};

use super::Connection;
use super::schema::tags;
use crate::tags::Tag;
use crate::values::{Id, Time};

type Row = (i64, String, Time);

fn read((id, name, created_at): Row) -> Tag {
    Tag { id: id.unsigned_abs(), name, created_at: created_at.into() }
}

/// Adds a tag with the organization's next number. The caller holds a lock that keeps the number.
pub(crate) fn insert_tag(
    connection: &mut Connection,
    organization: OrganizationId,
    name: &str,
    created_at: Timestamp,
) -> QueryResult<Tag> {
    let organization = Id::from(organization);
    let last: Option<i64> = tags::table
        .filter(tags::organization.eq(organization))
        .select(max(tags::id))
        .get_result(connection)?;
    let id = last.unwrap_or(0) + 1;
    let row = (
        tags::organization.eq(organization),
        tags::id.eq(id),
        tags::name.eq(name),
        tags::created_at.eq(Time(created_at)),
    );
    diesel::insert_into(tags::table).values(row).execute(connection)?;
    Ok(Tag { id: id.unsigned_abs(), name: name.to_owned(), created_at })
}

pub(crate) fn find_tag_named(
    connection: &mut Connection,
    organization: OrganizationId,
    name: &str,
) -> QueryResult<Option<Tag>> {
    let found: Option<Row> = tags::table
        .filter(tags::organization.eq(Id::from(organization)))
        .filter(tags::name.eq(name))
        .select((tags::id, tags::name, tags::created_at))
        .first(connection)
        .optional()?;
    Ok(found.map(read))
}

pub(crate) fn find_tag(
    connection: &mut Connection,
    organization: OrganizationId,
    id: i64,
) -> QueryResult<Option<Tag>> {
    let found: Option<Row> = tags::table
        .find((Id::from(organization), id))
        .select((tags::id, tags::name, tags::created_at))
        .first(connection)
        .optional()?;
    Ok(found.map(read))
}

/// By number, after this one.
pub(crate) fn tags_after(
    connection: &mut Connection,
    organization: OrganizationId,
    id: i64,
    most: i64,
) -> QueryResult<Vec<Tag>> {
    let found: Vec<Row> = tags::table
        .filter(tags::organization.eq(Id::from(organization)))
        .filter(tags::id.gt(id))
        .order(tags::id)
        .limit(most)
        .select((tags::id, tags::name, tags::created_at))
        .load(connection)?;
    Ok(found.into_iter().map(read).collect())
}
