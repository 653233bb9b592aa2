//! People who were erased, and come back.

use super::Table;
use crate::story::{Entry, Erasure, Event, From, Lasts, Post, Test, UPDATING, Which};
use crate::values::Person;
use Event::{Accepted, Committed, Erased, Listed, Posted, Removed};

fn phone(who: Person) -> Entry {
    who.phone_entry(Which::First)
}

fn email(who: Person) -> Entry {
    who.email_entry(Which::First)
}

/// Whoever is erased by the phone, and by nothing else if no stored lead has it.
fn erased_by_phone(who: Person, beside: Vec<Entry>) -> Event {
    Erased(Erasure { given: vec![phone(who)], beside })
}

/// The person of a stored lead, by its phone, its email, or both: the other one belongs to it.
fn erasures(who: Person) -> Vec<Erasure> {
    vec![
        Erasure { given: vec![phone(who)], beside: vec![email(who)] },
        Erasure { given: vec![email(who)], beside: vec![phone(who)] },
        Erasure { given: vec![phone(who), email(who)], beside: vec![] },
    ]
}

/// Comes back as somebody who is known by nothing that was erased.
fn as_another(who: Person) -> Post {
    again(who).phone(who.phone(Which::Second)).email(who.email(Which::Second))
}

fn again(who: Person) -> Post {
    Post { verb: "a lead is posted again", after: 60, ..who.lead() }
}

type Comeback = fn(Person) -> Post;

const COMEBACKS: &[Comeback] = &[
    again,
    |who| again(who).without_email(),
    |who| again(who).without_phone(),
    |who| again(who).phone(who.phone(Which::Second)),
    |who| again(who).email(who.email(Which::Second)),
    as_another,
    |who| again(who).phone(who.phones_written().swap_remove(7)),
    |who| again(who).email(who.emails_written().swap_remove(3)),
    |who| again(who).without_consent(),
    |who| again(who).to(UPDATING).told("to a source that updates"),
];

pub(super) fn add(table: &mut Table) {
    table.chapter("Who was erased, and comes back");
    for comeback in COMEBACKS {
        table.rows(erasures, |who, erasure| vec![Posted(who.lead()), Erased(erasure), Posted(comeback(who))]);
    }
    // Nothing of the erased lead comes back with the number in somebody's records.
    for first in [
        |who: Person| who.lead().opted_out(),
        |who: Person| who.lead().test(Test::Said),
        |who: Person| who.lead().without_consent(),
    ] {
        table.row(|who| {
            let both = erased_by_phone(who, vec![email(who)]);
            vec![Posted(first(who).known_by_id()), both, Posted(as_another(who).known_by_id())]
        });
    }
    table.row(|who| vec![erased_by_phone(who, vec![]), Posted(who.lead())]);
    table.row(|who| {
        let another = Erasure { given: vec![phone(who).of_another()], beside: vec![] };
        vec![Posted(who.lead()), Erased(another), Posted(again(who))]
    });

    table.chapter("Who is erased while a lead is queued");
    table.row(|who| vec![Accepted(who.lead()), erased_by_phone(who, vec![]), Committed]);
    table.row(|who| {
        let by_email = Erased(Erasure { given: vec![email(who)], beside: vec![] });
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
        vec![Posted(who.lead()), Accepted(as_another(who)), both, Committed]
    });

    table.chapter("Who was erased, and the lists");
    table.row(|who| {
        let both = erased_by_phone(who, vec![email(who)]);
        vec![Listed(phone(who)), Posted(who.lead()), both, Posted(again(who))]
    });
    table.row(|who| {
        let both = erased_by_phone(who, vec![email(who)]);
        let once = phone(who).lasting(Lasts::Over);
        vec![Listed(once), Posted(who.lead()), both, Posted(again(who))]
    });
    table.row(|who| {
        let both = erased_by_phone(who, vec![email(who)]);
        let listed = phone(who).on("asked");
        let off = Removed(listed.clone(), From::ItsList);
        vec![Listed(listed), Posted(who.lead()), both, off, Posted(again(who))]
    });
    table.row(|who| {
        let both = erased_by_phone(who, vec![email(who)]);
        vec![Posted(who.lead()), both, Removed(phone(who), From::AllLists), Posted(again(who))]
    });
    table.row(|who| {
        let both = erased_by_phone(who, vec![email(who)]);
        let all = [phone(who), email(who)].map(|entry| Removed(entry, From::AllLists));
        let [off, off_too] = all;
        vec![Posted(who.lead()), both, off, off_too, Posted(again(who))]
    });
}
