//! Statements whose binds are columns of rows: `… FROM unnest($1::uuid[], $2::text[])`.
//!
//! diesel's inserts bind each value of each row. A column as one array costs PostgreSQL a fifth less, and its text
//! does not depend on the number of rows, so that it is prepared once.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use diesel::data_types::PgTimestamp;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::methods::LoadQuery;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable, Text, Timestamptz, Uuid as UuidType};
use uuid::Uuid;

use crate::error::TransactionError;
use crate::values::{Id, Time};

/// The values of one column, one for each row.
#[derive(Debug, Clone)]
pub(super) enum Column<'a> {
    Ids(Vec<Option<Uuid>>),
    Texts(Vec<Option<Cow<'a, str>>>),
    Times(Vec<Option<PgTimestamp>>),
    Bytes(Vec<Option<Cow<'a, [u8]>>>),
    Integers(Vec<Option<i32>>),
    Longs(Vec<Option<i64>>),
}

impl<'a> Column<'a> {
    pub(super) fn ids<T: Into<Id>>(ids: impl Iterator<Item = T>) -> Self {
        Self::Ids(ids.map(|id| Some(id.into().0)).collect())
    }

    /// For one scalar: `($1::uuid[])[1]`.
    pub(super) fn one_id(id: Id) -> Self {
        Self::Ids(vec![Some(id.0)])
    }

    pub(super) fn optional_ids<T: Into<Id>>(ids: impl Iterator<Item = Option<T>>) -> Self {
        Self::Ids(ids.map(|id| Some(id?.into().0)).collect())
    }

    pub(super) fn texts<T: Into<Cow<'a, str>>>(texts: impl Iterator<Item = T>) -> Self {
        Self::Texts(texts.map(|text| Some(text.into())).collect())
    }

    pub(super) fn optional_texts<T: Into<Cow<'a, str>>>(texts: impl Iterator<Item = Option<T>>) -> Self {
        Self::Texts(texts.map(|text| Some(text?.into())).collect())
    }

    pub(super) fn times<T: Into<Time>>(times: impl Iterator<Item = T>) -> Self {
        Self::Times(times.map(|time| Some(time.into().to_postgres())).collect())
    }

    pub(super) fn optional_times<T: Into<Time>>(times: impl Iterator<Item = Option<T>>) -> Self {
        Self::Times(times.map(|time| Some(time?.into().to_postgres())).collect())
    }

    pub(super) fn bytes(values: impl Iterator<Item = &'a [u8]>) -> Self {
        Self::Bytes(values.map(|bytes| Some(bytes.into())).collect())
    }

    pub(super) fn optional_bytes(values: impl Iterator<Item = Option<&'a [u8]>>) -> Self {
        Self::Bytes(values.map(|bytes| bytes.map(Cow::Borrowed)).collect())
    }

    pub(super) fn integers(values: impl Iterator<Item = i32>) -> Self {
        Self::Integers(values.map(Some).collect())
    }

    pub(super) fn optional_integers(values: impl Iterator<Item = Option<i32>>) -> Self {
        Self::Integers(values.collect())
    }

    /// Whether one of its texts holds a character that PostgreSQL does not store.
    pub(super) fn has_nul(&self) -> bool {
        let Self::Texts(texts) = self else { return false };
        texts.iter().flatten().any(|text| text.contains('\0'))
    }

    /// Its type in SQL.
    pub(super) fn sql_type(&self) -> &'static str {
        match self {
            Self::Ids(_) => "uuid[]",
            Self::Texts(_) => "text[]",
            Self::Times(_) => "timestamptz[]",
            Self::Bytes(_) => "bytea[]",
            Self::Integers(_) => "integer[]",
            Self::Longs(_) => "bigint[]",
        }
    }

    pub(super) fn push<'b>(&'b self, pass: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match self {
            Self::Ids(values) => pass.push_bind_param::<Array<Nullable<UuidType>>, _>(values),
            Self::Texts(values) => pass.push_bind_param::<Array<Nullable<Text>>, _>(values),
            Self::Times(values) => pass.push_bind_param::<Array<Nullable<Timestamptz>>, _>(values),
            Self::Bytes(values) => pass.push_bind_param::<Array<Nullable<Binary>>, _>(values),
            Self::Integers(values) => pass.push_bind_param::<Array<Nullable<Integer>>, _>(values),
            Self::Longs(values) => pass.push_bind_param::<Array<Nullable<BigInt>>, _>(values),
        }
    }

    fn into_owned(self) -> Column<'static> {
        match self {
            Self::Ids(values) => Column::Ids(values),
            Self::Texts(values) => Column::Texts(
                values.into_iter().map(|text| text.map(|text| text.into_owned().into())).collect(),
            ),
            Self::Times(values) => Column::Times(values),
            Self::Bytes(values) => Column::Bytes(
                values.into_iter().map(|bytes| bytes.map(|bytes| bytes.into_owned().into())).collect(),
            ),
            Self::Integers(values) => Column::Integers(values),
            Self::Longs(values) => Column::Longs(values),
        }
    }
}

/// A constant text, and a column for each of its placeholders `$1`, `$2`, …. `ST` is the type of the rows that it
/// returns.
///
/// diesel would prepare a `sql_query` again at each use, because it cannot know that the text is constant. This
/// statement is cached by its text.
pub(super) struct Statement<'a, ST = ()> {
    text: &'static str,
    columns: Vec<Column<'a>>,
    returns: PhantomData<ST>,
}

/// A statement that failed, for finding out why.
#[derive(Debug)]
pub(crate) struct FailedStatement {
    pub(super) text: &'static str,
    pub(super) columns: Vec<Column<'static>>,
    pub(super) took: Duration,
}

impl<'a, ST> Statement<'a, ST> {
    pub(super) fn new(text: &'static str, columns: impl Into<Vec<Column<'a>>>) -> Self {
        Self { text, columns: columns.into(), returns: PhantomData }
    }

    /// The number of rows that it changed.
    pub(super) fn execute(&self, connection: &mut PgConnection) -> Result<usize, TransactionError> {
        let started = Instant::now();
        RunQueryDsl::execute(self, connection).map_err(|error| self.failed(error, started))
    }

    pub(super) fn load<'q, T>(&'q self, connection: &mut PgConnection) -> Result<Vec<T>, TransactionError>
    where
        &'q Self: LoadQuery<'q, PgConnection, T>,
    {
        let started = Instant::now();
        RunQueryDsl::load(self, connection).map_err(|error| self.failed(error, started))
    }

    fn failed(&self, error: diesel::result::Error, started: Instant) -> TransactionError {
        let columns = self.columns.iter().cloned().map(Column::into_owned).collect();
        let failed = FailedStatement { text: self.text, columns, took: started.elapsed() };
        TransactionError::Statement { error, failed: Box::new(failed) }
    }
}

impl<ST> QueryFragment<Pg> for Statement<'_, ST> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        // Each placeholder stands in the text once, in the order of the columns, and `$` in nothing else.
        debug_assert_eq!(self.text.matches('$').count(), self.columns.len(), "{}", self.text);
        let mut parts = self.text.split('$');
        pass.push_sql(parts.next().unwrap_or_default());
        for (column, part) in self.columns.iter().zip(parts) {
            column.push(&mut pass)?;
            pass.push_sql(part.trim_start_matches(|digit: char| digit.is_ascii_digit()));
        }
        Ok(())
    }
}

impl<ST> QueryId for Statement<'_, ST> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<ST> Query for Statement<'_, ST> {
    type SqlType = ST;
}

impl<C, ST> RunQueryDsl<C> for &Statement<'_, ST> {}
