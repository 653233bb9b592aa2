//! Adds rows by COPY, the fastest way into PostgreSQL.
//!
//! A failed COPY does not say which error a row causes: unless it timed out, the transaction is run again with
//! statements ([`InsertMode::Statement`](crate::connection::InsertMode)).

use serde::Serialize;

use super::statement::Column;
use crate::error::StoreError;
use crate::values::document;

/// `insert_rows!(connection, mode, table (column, …), rows)` adds rows that are `Insertable` and `Serialize` to a table.
/// Both ways name the columns, so that a column of a newer build gets its default.
macro_rules! insert_rows {
    ($connection:expr, $mode:expr, $table:ident ($($column:ident),* $(,)?), $rows:expr) => {
        match $mode {
            $crate::connection::InsertMode::Copy => {
                use diesel::ExecuteCopyFromDsl;
                let copy = diesel::copy_from($table::table).from_insertable($rows);
                copy.execute($connection).map(drop).map_err(|error| {
                    let took = std::time::Duration::ZERO;
                    $crate::error::TransactionError::Copy { error, took }
                })
            }
            $crate::connection::InsertMode::Statement => {
                const TEXT: &str = concat!(
                    "INSERT INTO ",
                    stringify!($table),
                    " (",
                    stringify!($($column),*),
                    ") SELECT ",
                    stringify!($($column),*),
                    " FROM json_populate_recordset(NULL::",
                    stringify!($table),
                    ", ($1::text[])[1]::json)"
                );
                let rows = $crate::postgres::insert::json_column(&$rows)?;
                $crate::postgres::statement::Statement::<()>::new(TEXT, [rows]).execute($connection).map(drop)
            }
        }
    };
}
pub(super) use insert_rows;

pub(super) fn json_column<R: Serialize>(rows: &Vec<R>) -> Result<Column<'static>, StoreError> {
    Ok(Column::texts([document(rows)?].into_iter()))
}
