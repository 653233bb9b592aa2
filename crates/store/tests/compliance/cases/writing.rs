//! Spellings of a value, in leads and in suppression lists.

use super::Table;
use crate::story::{Event, PLAIN, SourceSettings, Which};
use crate::values::Person;
use Event::{Accepted, Committed, Listed, Posted};

pub(super) fn add(table: &mut Table) {
    phones(table);
    emails(table);
}

fn phones(table: &mut Table) {
    table.chapter("Spellings of a phone");
    let spellings = Person::phone_spellings;
    let entry = |who: Person| Listed(who.phone_entry(Which::First));
    table.rows(spellings, |who, phone| vec![Posted(who.lead().phone(phone))]);
    table.rows(spellings, |who, phone| vec![entry(who), Posted(who.lead().phone(phone))]);
    table.rows(spellings, |who, phone| vec![Posted(who.lead().phone(phone)), entry(who)]);
    table.rows(Person::phone_entry_spellings, |who, entry| vec![Listed(entry), Posted(who.lead())]);
    table.rows(Person::phone_entry_spellings, |who, entry| vec![Posted(who.lead()), Listed(entry)]);

    let american = SourceSettings { region: Some("US"), ..PLAIN };
    let national = |who: Person| who.lead().phone(who.national_phone()).to(american);
    table.row(|who| vec![Posted(national(who))]);
    table.row(|who| vec![entry(who), Posted(national(who))]);
    table.row(|who| vec![Posted(national(who)), entry(who)]);
    table.row(|who| vec![Accepted(national(who)), entry(who), Committed]);

    table.rows(Person::bad_phones, |who, phone| vec![Posted(who.lead().phone(phone))]);
    table.rows(Person::bad_phones, |who, phone| vec![entry(who), Posted(who.lead().phone(phone))]);
    table.row(|who| vec![Posted(who.lead().without_phone())]);
    table.row(|who| vec![Posted(who.lead().without_phone().without_email())]);
    table.row(|who| vec![Posted(who.lead().phone(who.null_phone()).email(who.null_email()))]);
}

fn emails(table: &mut Table) {
    table.chapter("Spellings of an email or a domain");
    let entry = |who: Person| Listed(who.email_entry(Which::First));
    let domain = |who: Person| Listed(who.domain_entry(Which::First));
    let spellings = Person::email_spellings;
    table.rows(spellings, |who, email| vec![entry(who), Posted(who.lead().email(email))]);
    table.rows(spellings, |who, email| vec![Posted(who.lead().email(email)), entry(who)]);
    table.rows(spellings, |who, email| vec![Posted(who.lead().email(email)), domain(who)]);
    table.rows(Person::email_entry_spellings, |who, entry| vec![Listed(entry), Posted(who.lead())]);
    table.rows(Person::email_entry_spellings, |who, entry| vec![Posted(who.lead()), Listed(entry)]);
    table.rows(Person::international, |who, (email, entry)| {
        vec![Listed(entry), Posted(who.lead().email(email))]
    });
    table.rows(Person::international, |who, (email, entry)| {
        vec![Posted(who.lead().email(email)), Listed(entry)]
    });
    table.rows(Person::domain_entry_spellings, |who, entry| vec![Listed(entry), Posted(who.lead())]);
    table.rows(Person::domain_entry_spellings, |who, entry| vec![Posted(who.lead()), Listed(entry)]);
    for index in 0..5 {
        let subdomain_pair = |who: Person| {
            let (email, mut entries) = who.subdomain_email();
            (who.lead().email(email), entries.swap_remove(index))
        };
        table.row(|who| {
            let (lead, entry) = subdomain_pair(who);
            vec![Listed(entry), Posted(lead)]
        });
        table.row(|who| {
            let (lead, entry) = subdomain_pair(who);
            vec![Posted(lead), Listed(entry)]
        });
    }
    table.rows(Person::bad_emails, |who, email| vec![entry(who), Posted(who.lead().email(email))]);
    table.row(|who| vec![entry(who), domain(who), Posted(who.lead().without_email())]);
}
