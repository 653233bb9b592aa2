//! Leads by their phone or email.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Integer};
use leadgate_domain::{LeadId, OrganizationId};
use uuid::Uuid;

use super::Connection;
use super::schema::leads;
use crate::rescreen::{LeadContact, LeadsAtDomain, LeadsWithValue};
use crate::rows::StoredContact;
use crate::values::{Id, reversed};

/// A page of the leads with a phone or an email, by id.
pub(crate) fn page_with_value(
    connection: &mut Connection,
    page: &LeadsWithValue,
) -> QueryResult<Vec<LeadId>> {
    let leads = leads::table.filter(leads::organization.eq(Id::from(page.organization))).select(leads::id);
    // In the order of the index: no plan but that by the index needs no sort.
    let found: Vec<Id> = match &page.value {
        StoredContact::Phone(phone) => leads
            .filter(leads::phone.le(phone))
            .filter(row_is!(leads::phone > (phone.as_ref(), Id::from(page.after))))
            .order((leads::phone, leads::id))
            .limit(page.most.into())
            .load(connection)?,
        StoredContact::ReversedEmail(email) => leads
            .filter(leads::email_reversed.le(email))
            .filter(row_is!(leads::email_reversed > (email.as_str(), Id::from(page.after))))
            .order((leads::email_reversed, leads::id))
            .limit(page.most.into())
            .load(connection)?,
    };
    Ok(found.into_iter().map(LeadId::from).collect())
}

/// A page of the leads at a domain: the reversed email and the lead, in that order.
pub(crate) fn page_at_domain(
    connection: &mut Connection,
    page: &LeadsAtDomain,
) -> QueryResult<Vec<(String, LeadId)>> {
    let separator =
        sql::<Bool>("substr(email_reversed, ").bind::<Integer, _>(page.separator).sql(", 1) IN ('.', '@')");
    let found: Vec<(Option<String>, Id)> = leads::table
        .filter(leads::organization.eq(Id::from(page.organization)))
        .filter(leads::email_reversed.lt(&page.below))
        .filter(row_is!(leads::email_reversed > (page.after.as_str(), Id::from(page.id))))
        .filter(separator)
        .order((leads::email_reversed, leads::id))
        .limit(page.most.into())
        .select((leads::email_reversed, leads::id))
        .load(connection)?;
    let read = |(email, id): (Option<String>, Id)| Some((email?, id.into()));
    Ok(found.into_iter().filter_map(read).collect())
}

/// A page of the contacts of all leads, by id.
pub(crate) fn page_of_contacts(
    connection: &mut Connection,
    organization: OrganizationId,
    after: Uuid,
    most: u32,
) -> QueryResult<Vec<LeadContact>> {
    let found: Vec<ContactRow> = leads::table
        .filter(leads::organization.eq(Id::from(organization)))
        .filter(leads::id.gt(Id::from(after)))
        .order(leads::id)
        .limit(most.into())
        .select((leads::id, leads::phone, leads::email_reversed))
        .load(connection)?;
    Ok(found.into_iter().map(read_contact).collect())
}

/// The leads with one of these phones or emails, in the form in which lists compare them.
pub(crate) fn find_contacts(
    connection: &mut Connection,
    organization: OrganizationId,
    phones: &[&str],
    emails: &[&str],
) -> QueryResult<Vec<LeadContact>> {
    let all = leads::table.select((leads::id, leads::phone, leads::email_reversed));
    let mut found: Vec<ContactRow> = Vec::new();
    if !phones.is_empty() {
        let phones = phones.iter().map(|phone| (*phone).to_owned());
        found.extend(all.filter(among!(leads::phone, organization, phones)).load::<ContactRow>(connection)?);
    }
    if !emails.is_empty() {
        let emails = emails.iter().map(|email| reversed(email));
        let with_email = all.filter(among!(leads::email_reversed, organization, emails));
        found.extend(with_email.load::<ContactRow>(connection)?);
    }
    found.sort_unstable();
    found.dedup_by_key(|(id, ..)| *id);
    Ok(found.into_iter().map(read_contact).collect())
}

/// The id, the phone and the reversed email of a lead.
type ContactRow = (Id, Option<String>, Option<String>);

fn read_contact((id, phone, email): ContactRow) -> LeadContact {
    LeadContact { id: id.into(), phone, email: email.as_deref().map(reversed) }
}
