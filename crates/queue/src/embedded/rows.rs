//! Rows of the statements of the queue file.

use bytes::Bytes;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Text};
use leadgate_domain::Timestamp;

use crate::admin::ParkedMessage;

/// A row of the table `message`.
pub(crate) struct MessageRow {
    pub(crate) id: i64,
    pub(crate) payload: Bytes,
    pub(crate) published_at: Timestamp,
    pub(crate) delivery_count: u32,
}

pub(super) type MessageColumns = (i64, Vec<u8>, i64, i32);

impl From<MessageColumns> for MessageRow {
    fn from((id, payload, published_at, delivery_count): MessageColumns) -> Self {
        Self {
            id,
            payload: payload.into(),
            published_at: Timestamp::from_microseconds(published_at),
            delivery_count: u32::try_from(delivery_count).unwrap_or(0),
        }
    }
}

impl From<ParkedRow> for ParkedMessage {
    fn from(row: ParkedRow) -> Self {
        Self {
            id: row.id.to_string(),
            reason: row.reason,
            parked_at: Some(Timestamp::from_microseconds(row.parked_at)),
            bytes: usize::try_from(row.bytes).unwrap_or(0),
        }
    }
}

pub(super) fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

#[derive(QueryableByName)]
pub(super) struct JournalModeRow {
    #[diesel(sql_type = Text)]
    pub(super) journal_mode: String,
}

#[derive(QueryableByName)]
pub(super) struct CheckpointRow {
    #[diesel(sql_type = Integer)]
    pub(super) busy: i32,
}

#[derive(QueryableByName)]
pub(super) struct UserVersionRow {
    #[diesel(sql_type = Integer)]
    pub(super) user_version: i32,
}

#[derive(QueryableByName)]
pub(super) struct DataVersionRow {
    #[diesel(sql_type = BigInt)]
    pub(super) data_version: i64,
}

#[derive(QueryableByName)]
pub(super) struct UsageRow {
    #[diesel(sql_type = BigInt)]
    pub(super) messages: i64,
    #[diesel(sql_type = BigInt)]
    pub(super) bytes: i64,
}

#[derive(QueryableByName)]
pub(super) struct ParkedRow {
    #[diesel(sql_type = BigInt)]
    pub(super) id: i64,
    #[diesel(sql_type = Text)]
    pub(super) reason: String,
    #[diesel(sql_type = BigInt)]
    pub(super) parked_at: i64,
    #[diesel(sql_type = BigInt)]
    pub(super) bytes: i64,
}
