//! Leads by their phone or email, as columns of rows: a batch asks for many values of many organizations at once.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use leadgate_domain::Lead;

pub(crate) use super::queries::contacts::*;
use super::statement::{Column, Statement};
use crate::error::TransactionError;
use crate::rows::{LeadsWithListedValue, StoredContact};
use crate::values::Json;

macro_rules! lock_listed {
    ($locks:literal) => {
        concat!(
            "WITH r AS (SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[]) AS r (organization, phone, email)),
             met AS (
                 SELECT l.organization, l.id FROM r
                 JOIN leads AS l ON l.organization = r.organization AND l.phone = r.phone
                 UNION
                 SELECT l.organization, l.id FROM r
                 JOIN leads AS l ON l.organization = r.organization AND l.email_reversed = r.email)
             SELECT l.document
             FROM met JOIN leads AS l ON l.organization = met.organization AND l.id = met.id
             ORDER BY l.organization, l.id ",
            $locks
        )
    };
}

/// The leads with these values, locked in the order of their ids.
pub(crate) fn lock_listed(
    connection: &mut PgConnection,
    listed: &[LeadsWithListedValue<'_>],
) -> Result<Vec<Lead>, TransactionError> {
    load(connection, lock_listed!("FOR UPDATE OF l"), listed)
}

/// The same without the leads that another transaction has locked: it never waits.
pub(crate) fn lock_listed_free(
    connection: &mut PgConnection,
    listed: &[LeadsWithListedValue<'_>],
) -> Result<Vec<Lead>, TransactionError> {
    load(connection, lock_listed!("FOR UPDATE OF l SKIP LOCKED"), listed)
}

fn load(
    connection: &mut PgConnection,
    text: &'static str,
    listed: &[LeadsWithListedValue<'_>],
) -> Result<Vec<Lead>, TransactionError> {
    let found: Vec<Json<Lead>> = Statement::<Text>::new(text, value_columns(listed)).load(connection)?;
    Ok(found.into_iter().map(|document| document.0).collect())
}

/// The places of those values that more than a hundred leads have.
pub(crate) fn crowded(
    connection: &mut PgConnection,
    listed: &[LeadsWithListedValue<'_>],
) -> Result<Vec<usize>, TransactionError> {
    const TEXT: &str = "
        SELECT r.place - 1
        FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY AS r (organization, phone, email, place)
        WHERE 100 < (SELECT count(*) FROM (
                  SELECT FROM leads AS l
                  WHERE l.organization = r.organization AND l.phone = r.phone LIMIT 101) AS few)
           OR 100 < (SELECT count(*) FROM (
                  SELECT FROM leads AS l
                  WHERE l.organization = r.organization AND l.email_reversed = r.email LIMIT 101) AS few)";
    let places: Vec<i64> = Statement::<BigInt>::new(TEXT, value_columns(listed)).load(connection)?;
    Ok(places.into_iter().filter_map(|place| place.try_into().ok()).collect())
}

/// The columns `organization`, `phone` and `email_reversed`. One of the latter two is null.
fn value_columns<'a>(listed: &[LeadsWithListedValue<'a>]) -> [Column<'a>; 3] {
    let values = listed.iter().map(LeadsWithListedValue::stored);
    let (phones, emails) = values
        .map(|value| match value {
            Some(StoredContact::Phone(phone)) => (Some(phone), None),
            Some(StoredContact::ReversedEmail(email)) => (None, Some(email)),
            None => (None, None),
        })
        .unzip::<_, _, Vec<_>, Vec<_>>();
    [
        Column::ids(listed.iter().map(|one| one.organization)),
        Column::optional_texts(phones.into_iter()),
        Column::optional_texts(emails.into_iter()),
    ]
}
