//! Persons who are erased and then posted again.

use super::Table;
use crate::story::{Entry, EntryExpiry, Erasure, Event, Post, RemovedFrom, Test, UPDATING, Which};
use crate::values::Person;
use Event::{Accepted, Committed, Erased, Listed, Posted, Removed};

fn phone(who: Person) -> Entry {
    who.phone_entry(Which::First)
}

fn email(who: Person) -> Entry {
    who.email_entry(Which::First)
}

/// An erasure by phone, and by the values that stored leads with this phone have.
fn erased_by_phone(who: Person, found_in_leads: Vec<Entry>) -> Event {
    Erased(Erasure { given: vec![phone(who)], found_in_leads })
}

/// Erasures of the person of a stored lead: by phone, by email, or by both. The other value is found in the
/// lead.
fn erasures(who: Person) -> Vec<Erasure> {
    vec![
        Erasure { given: vec![phone(who)], found_in_leads: vec![email(who)] },
        Erasure { given: vec![email(who)], found_in_leads: vec![phone(who)] },
        Erasure { given: vec![phone(who), email(who)], found_in_leads: vec![] },
    ]
}

/// A later lead with none of the erased values.
fn with_other_contacts(who: Person) -> Post {
    again(who).phone(who.phone(Which::Second)).email(who.email(Which::Second))
}

fn again(who: Person) -> Post {
    Post { verb: "a lead is posted again", after: 60, ..who.lead() }
}

type LaterPost = fn(Person) -> Post;

const LATER_POSTS: &[LaterPost] = &[
    again,
    |who| again(who).without_email(),
    |who| again(who).without_phone(),
    |who| again(who).phone(who.phone(Which::Second)),
    |who| again(who).email(who.email(Which::Second)),
    with_other_contacts,
    |who| again(who).phone(who.phone_spellings().swap_remove(7)),
    |who| again(who).email(who.email_spellings().swap_remove(3)),
    |who| again(who).without_consent(),
    |who| again(who).to(UPDATING).with_words("to a source that updates"),
];

pub(super) fn add(table: &mut Table) {
    table.chapter("Erased persons who are posted again");
    for later_post in LATER_POSTS {
        table.rows(erasures, |who, erasure| {
            vec![Posted(who.lead()), Erased(erasure), Posted(later_post(who))]
        });
    }
    // A later lead with the same external id gets nothing from the erased lead.
    for first in [
        |who: Person| who.lead().opted_out(),
        |who: Person| who.lead().test(Test::Marked),
        |who: Person| who.lead().without_consent(),
    ] {
        table.row(|who| {
            let both = erased_by_phone(who, vec![email(who)]);
            vec![
                Posted(first(who).with_external_id()),
                both,
                Posted(with_other_contacts(who).with_external_id()),
            ]
        });
    }
    table.row(|who| vec![erased_by_phone(who, vec![]), Posted(who.lead())]);
    table.row(|who| {
        let elsewhere = Erasure { given: vec![phone(who).of_other_organization()], found_in_leads: vec![] };
        vec![Posted(who.lead()), Erased(elsewhere), Posted(again(who))]
    });

    table.chapter("Erasure while a lead is queued");
    table.row(|who| vec![Accepted(who.lead()), erased_by_phone(who, vec![]), Committed]);
    table.row(|who| {
        let by_email = Erased(Erasure { given: vec![email(who)], found_in_leads: vec![] });
        vec![Accepted(who.lead()), by_email, Committed]
    });
    table.row(|who| {
        let both = erased_by_phone(who, vec![email(who)]);
        vec![Posted(who.lead()), Accepted(again(who)), both, Committed]
    });
    table.row(|who| {
        let both = erased_by_phone(who, vec![email(who)]);
        vec![Posted(who.lead().to(UPDATING)), Accepted(who.update().to(UPDATING)), both, Committed]
    });
    table.row(|who| {
        let both = erased_by_phone(who, vec![email(who)]);
        vec![Posted(who.lead()), Accepted(with_other_contacts(who)), both, Committed]
    });

    table.chapter("Erasure and suppression lists");
    table.row(|who| {
        let both = erased_by_phone(who, vec![email(who)]);
        vec![Listed(phone(who)), Posted(who.lead()), both, Posted(again(who))]
    });
    table.row(|who| {
        let both = erased_by_phone(who, vec![email(who)]);
        let expired = phone(who).with_expiry(EntryExpiry::Past);
        vec![Listed(expired), Posted(who.lead()), both, Posted(again(who))]
    });
    table.row(|who| {
        let both = erased_by_phone(who, vec![email(who)]);
        let listed = phone(who).on("asked");
        let removed = Removed(listed.clone(), RemovedFrom::ItsList);
        vec![Listed(listed), Posted(who.lead()), both, removed, Posted(again(who))]
    });
    table.row(|who| {
        let both = erased_by_phone(who, vec![email(who)]);
        vec![Posted(who.lead()), both, Removed(phone(who), RemovedFrom::AllLists), Posted(again(who))]
    });
    table.row(|who| {
        let both = erased_by_phone(who, vec![email(who)]);
        let [phone_removed, email_removed] =
            [phone(who), email(who)].map(|entry| Removed(entry, RemovedFrom::AllLists));
        vec![Posted(who.lead()), both, phone_removed, email_removed, Posted(again(who))]
    });
}
