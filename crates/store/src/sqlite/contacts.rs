//! Leads by their phone or email, one value after the other. There is one writer at a time, so nothing needs locking.

use std::collections::BTreeMap;

use diesel::prelude::*;
use leadgate_domain::Lead;

pub(crate) use super::queries::contacts::*;
use super::schema::leads;
use crate::rows::{LeadsWithListedValue, StoredContact};
use crate::values::{Id, Json};

/// The leads with these values, in the order of their ids.
pub(crate) fn lock_listed(
    connection: &mut SqliteConnection,
    listed: &[LeadsWithListedValue<'_>],
) -> QueryResult<Vec<Lead>> {
    let mut found = BTreeMap::new();
    for value in listed {
        let organization = Id::from(value.organization);
        let leads =
            leads::table.filter(leads::organization.eq(organization)).select((leads::id, leads::document));
        let rows: Vec<(Id, Json<Lead>)> = match value.stored() {
            Some(StoredContact::Phone(phone)) => leads.filter(leads::phone.eq(phone)).load(connection)?,
            Some(StoredContact::ReversedEmail(email)) => {
                leads.filter(leads::email_reversed.eq(email)).load(connection)?
            }
            None => continue,
        };
        found.extend(rows.into_iter().map(|(id, document)| ((organization, id), document.0)));
    }
    Ok(found.into_values().collect())
}

pub(crate) fn lock_listed_free(
    connection: &mut SqliteConnection,
    listed: &[LeadsWithListedValue<'_>],
) -> QueryResult<Vec<Lead>> {
    lock_listed(connection, listed)
}

/// The places of those values that more than a hundred leads have.
pub(crate) fn crowded(
    connection: &mut SqliteConnection,
    listed: &[LeadsWithListedValue<'_>],
) -> QueryResult<Vec<usize>> {
    let mut crowded = Vec::new();
    for (place, value) in listed.iter().enumerate() {
        let leads = leads::table
            .filter(leads::organization.eq(Id::from(value.organization)))
            .select(leads::id)
            .offset(100)
            .limit(1);
        let one_more: Option<Id> = match value.stored() {
            Some(StoredContact::Phone(phone)) => {
                leads.filter(leads::phone.eq(phone)).get_result(connection).optional()?
            }
            Some(StoredContact::ReversedEmail(email)) => {
                leads.filter(leads::email_reversed.eq(email)).get_result(connection).optional()?
            }
            None => continue,
        };
        crowded.extend(one_more.map(|_| place));
    }
    Ok(crowded)
}

#[cfg(test)]
mod tests {
    use leadgate_domain::{OrganizationId, SuppressionKind};
    use uuid::Uuid;

    use super::*;
    use crate::rescreen::{LeadsAtDomain, LeadsWithValue};
    use crate::sqlite::plans::plan_of;

    #[test]
    fn leads_are_found_by_their_phone_or_email() {
        let organization = OrganizationId::generate();
        for (kind, value, index, column) in [
            (SuppressionKind::Phone, "+14155550132", "leads_by_phone", "phone"),
            (SuppressionKind::Email, "ann@example.com", "leads_by_email", "email_reversed"),
        ] {
            let listed = LeadsWithListedValue { organization, kind, value };
            let found =
                |using: &str| format!("SEARCH leads USING {using} {index} (organization=? AND {column}=?)");
            assert_eq!(plan_of(|connection| lock_listed(connection, &[listed])), [found("INDEX")]);
            assert_eq!(plan_of(|connection| crowded(connection, &[listed])), [found("COVERING INDEX")]);
            let value = listed.stored().unwrap().into_owned();
            let page = LeadsWithValue { organization, value, after: Uuid::nil(), most: 10 };
            let range = format!("(organization=? AND ({column},id)>(?,?) AND {column}<?)");
            assert_eq!(
                plan_of(|connection| page_with_value(connection, &page)),
                [format!("SEARCH leads USING COVERING INDEX {index} {range}")]
            );
        }
        let page = LeadsAtDomain::start(organization, "example.com");
        let range = "(organization=? AND (email_reversed,id)>(?,?) AND email_reversed<?)";
        assert_eq!(
            plan_of(|connection| page_at_domain(connection, &page)),
            [format!("SEARCH leads USING COVERING INDEX leads_by_email {range}")]
        );
    }
}
