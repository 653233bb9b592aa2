//! Column values: those that the two databases store differently, and those that are texts with a type.

use std::fmt::Debug;

use diesel::backend::Backend;
use diesel::data_types::PgTimestamp;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::Pg;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{self, BigInt, Binary, Text, Timestamptz};
use diesel::sqlite::Sqlite;
use leadgate_domain::{
    AttemptId, BodyHash, EndpointId, EventId, KeyHash, LeadId, OrganizationId, PersonDigest, SourceId,
    SubmissionId, Timestamp,
};
use serde::Serialize;
use serde::de::{DeserializeOwned, IntoDeserializer};
use uuid::Uuid;

use crate::error::StoreError;

/// A UUID: `uuid` on PostgreSQL, its 16 bytes on SQLite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql_types::Uuid)]
#[diesel(sql_type = Binary)]
#[serde(transparent)]
pub(crate) struct Id(pub(crate) Uuid);

/// A time: `timestamptz` on PostgreSQL, microseconds since 1970 on SQLite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, AsExpression, FromSqlRow)]
#[diesel(sql_type = Timestamptz)]
#[diesel(sql_type = BigInt)]
#[serde(transparent)]
pub(crate) struct Time(pub(crate) Timestamp);

/// A digest, as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, AsExpression, FromSqlRow)]
#[diesel(sql_type = Binary)]
pub(crate) struct Digest<T: Debug>(pub(crate) T);

/// One of a closed set of codes, or another text with a type of its own, as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub(crate) struct Code<T: Debug>(pub(crate) T);

/// A document, as JSON text.
#[derive(Debug, Clone, PartialEq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub(crate) struct Json<T: Debug>(pub(crate) T);

macro_rules! ids {
    ($($name:ident),*) => {
        $(
            impl From<$name> for Id {
                fn from(id: $name) -> Self {
                    Self(id.as_uuid())
                }
            }

            impl From<Id> for $name {
                fn from(id: Id) -> Self {
                    Self::from_uuid(id.0)
                }
            }
        )*
    };
}
ids!(OrganizationId, SourceId, SubmissionId, LeadId, EndpointId, EventId, AttemptId);

impl From<Uuid> for Id {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl From<Id> for Uuid {
    fn from(id: Id) -> Self {
        id.0
    }
}

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl From<Time> for Timestamp {
    fn from(at: Time) -> Self {
        at.0
    }
}

impl ToSql<sql_types::Uuid, Pg> for Id {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        ToSql::<sql_types::Uuid, Pg>::to_sql(&self.0, out)
    }
}

impl FromSql<sql_types::Uuid, Pg> for Id {
    fn from_sql(bytes: <Pg as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        <Uuid as FromSql<sql_types::Uuid, Pg>>::from_sql(bytes).map(Self)
    }
}

impl ToSql<Binary, Sqlite> for Id {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_bytes().as_slice());
        Ok(IsNull::No)
    }
}

impl FromSql<Binary, Sqlite> for Id {
    fn from_sql(bytes: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(Uuid::from_slice(&<Vec<u8> as FromSql<Binary, Sqlite>>::from_sql(bytes)?)?))
    }
}

/// PostgreSQL counts from the year 2000.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

impl Time {
    pub(crate) fn to_postgres(self) -> PgTimestamp {
        PgTimestamp(self.0.as_microseconds() - POSTGRES_EPOCH)
    }
}

impl ToSql<Timestamptz, Pg> for Time {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        ToSql::<Timestamptz, Pg>::to_sql(&self.to_postgres(), &mut out.reborrow())
    }
}

impl FromSql<Timestamptz, Pg> for Time {
    fn from_sql(bytes: <Pg as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let PgTimestamp(since_2000) = FromSql::<Timestamptz, Pg>::from_sql(bytes)?;
        Ok(Self(Timestamp::from_microseconds(since_2000.saturating_add(POSTGRES_EPOCH))))
    }
}

impl ToSql<BigInt, Sqlite> for Time {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_microseconds());
        Ok(IsNull::No)
    }
}

impl FromSql<BigInt, Sqlite> for Time {
    fn from_sql(bytes: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let microseconds = <i64 as FromSql<BigInt, Sqlite>>::from_sql(bytes)?;
        Ok(Self(Timestamp::from_microseconds(microseconds)))
    }
}

macro_rules! digests {
    ($($name:ident),*) => {
        $(
            impl<DB: Backend> ToSql<Binary, DB> for Digest<$name>
            where
                [u8]: ToSql<Binary, DB>,
            {
                fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
                    self.0.as_bytes().to_sql(out)
                }
            }

            impl<DB: Backend> FromSql<Binary, DB> for Digest<$name>
            where
                Vec<u8>: FromSql<Binary, DB>,
            {
                fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
                    let bytes = Vec::<u8>::from_sql(bytes)?;
                    Ok(Self($name::from_bytes(&bytes).ok_or("not a digest")?))
                }
            }

            /// As `bytea` reads it.
            impl Serialize for Digest<$name> {
                fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.collect_str(&format_args!("\\x{}", self.0))
                }
            }
        )*
    };
}
digests!(KeyHash, BodyHash, PersonDigest);

impl<T, DB: Backend> ToSql<Text, DB> for Code<T>
where
    T: Debug + Copy + Into<&'static str>,
    str: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        let code: &'static str = self.0.into();
        code.to_sql(out)
    }
}

impl<T, DB: Backend> FromSql<Text, DB> for Code<T>
where
    T: Debug + DeserializeOwned,
    String: FromSql<Text, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(parse_code(&String::from_sql(bytes)?).ok_or("an unknown code")?))
    }
}

impl<T: Copy + Debug + Into<&'static str>> Serialize for Code<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.into())
    }
}

impl<T: Debug + Serialize> ToSql<Text, Pg> for Json<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        serde_json::to_writer(out, &self.0)?;
        Ok(IsNull::No)
    }
}

impl<T: Debug + Serialize> ToSql<Text, Sqlite> for Json<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(serde_json::to_string(&self.0)?);
        Ok(IsNull::No)
    }
}

impl<T, DB: Backend> FromSql<Text, DB> for Json<T>
where
    T: Debug + DeserializeOwned,
    String: FromSql<Text, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        // serde's own message may repeat a value.
        Ok(Self(serde_json::from_str(&String::from_sql(bytes)?).map_err(|_| "an unreadable document")?))
    }
}

/// Written as the text that the column holds.
impl<T: Debug + Serialize> Serialize for Json<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = serde_json::to_string(&self.0).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&text)
    }
}

/// One of a closed set of codes.
pub(crate) fn parse_code<T: DeserializeOwned>(code: &str) -> Option<T> {
    let code: serde::de::value::StrDeserializer<'_, serde::de::value::Error> = code.into_deserializer();
    T::deserialize(code).ok()
}

/// The text of a document.
pub(crate) fn document<T: Serialize>(value: &T) -> Result<String, StoreError> {
    // serde's own message may repeat a value.
    serde_json::to_string(value)
        .map_err(|_| StoreError::Bug("a document cannot be written as JSON".to_owned()))
}

/// Character by character.
pub(crate) fn reversed(text: &str) -> String {
    text.chars().rev().collect()
}
