//! The condition that a row is one of several of an organization.

use std::iter::repeat_n;

use diesel::expression::{AppearsOnTable, Expression, ValidGrouping, is_aggregate};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::Bool;
use leadgate_domain::{KeyHash, OrganizationId};

use super::statement::Column;
use crate::values::{Digest, Id};

/// `(organization, id) IN (SELECT * FROM unnest($1, $2))`.
///
/// With `organization = $1 AND id = ANY($2)` PostgreSQL may read all rows of the organization: while there
/// are no statistics it takes an organization for a two hundredth of the table, and reading so few rows for
/// cheaper than to look up each id. (Of 50,000 rows without statistics it read all to find 200.) Here the
/// organization is no constant, so that each row is looked up.
#[derive(Debug)]
pub(super) struct Among<O, C> {
    organization: O,
    column: C,
    organizations: Column<'static>,
    values: Column<'static>,
}

impl<O, C> Among<O, C> {
    /// `organization` and `column` are columns of one table.
    pub(super) fn new<V>(
        organization: O,
        column: C,
        of: OrganizationId,
        values: impl Iterator<Item = V>,
    ) -> Self
    where
        Vec<V>: Into<Column<'static>>,
    {
        let values: Vec<V> = values.collect();
        let organizations = Column::ids(repeat_n(of, values.len()));
        Self { organization, column, organizations, values: values.into() }
    }
}

impl From<Vec<Id>> for Column<'static> {
    fn from(ids: Vec<Id>) -> Self {
        Self::ids(ids.into_iter())
    }
}

impl From<Vec<String>> for Column<'static> {
    fn from(texts: Vec<String>) -> Self {
        Self::texts(texts.into_iter())
    }
}

impl From<Vec<Digest<KeyHash>>> for Column<'static> {
    fn from(hashes: Vec<Digest<KeyHash>>) -> Self {
        Self::Bytes(hashes.into_iter().map(|hash| Some(hash.0.as_bytes().to_vec().into())).collect())
    }
}

impl<O, C> Expression for Among<O, C> {
    type SqlType = Bool;
}

impl<O, C, QS> AppearsOnTable<QS> for Among<O, C>
where
    O: AppearsOnTable<QS>,
    C: AppearsOnTable<QS>,
{
}

impl<O, C> ValidGrouping<()> for Among<O, C> {
    type IsAggregate = is_aggregate::No;
}

impl<O: QueryFragment<Pg>, C: QueryFragment<Pg>> QueryFragment<Pg> for Among<O, C> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        pass.push_sql("(");
        self.organization.walk_ast(pass.reborrow())?;
        pass.push_sql(", ");
        self.column.walk_ast(pass.reborrow())?;
        pass.push_sql(") IN (SELECT * FROM unnest(");
        self.organizations.push(&mut pass)?;
        pass.push_sql(", ");
        self.values.push(&mut pass)?;
        pass.push_sql("))");
        Ok(())
    }
}

impl<O: QueryId, C: QueryId> QueryId for Among<O, C> {
    type QueryId = Among<O::QueryId, C::QueryId>;
    const HAS_STATIC_QUERY_ID: bool = O::HAS_STATIC_QUERY_ID && C::HAS_STATIC_QUERY_ID;
}
