//! What may be listed, and when.

use super::Table;
use crate::story::{Entry, Event, From, Lasts, Which};
use crate::values::Person;
use Event::{Accepted, Committed, Ended, Listed, Posted, Raced, Removed};

type Moment = fn(Person, Entry) -> Vec<Event>;

const MOMENTS: &[Moment] = &[
    |who, entry| vec![Listed(entry), Posted(who.lead())],
    |who, entry| vec![Posted(who.lead()), Listed(entry)],
    |who, entry| vec![Accepted(who.lead()), Listed(entry), Committed],
    |who, entry| vec![Raced(who.lead(), entry)],
    |who, entry| vec![Listed(entry.clone()), Removed(entry, From::AllLists), Posted(who.lead())],
    |who, entry| vec![Listed(entry.clone()), Posted(who.lead()), Removed(entry, From::AllLists)],
    |who, entry| vec![Posted(who.lead()), Listed(entry.clone()), Removed(entry, From::AllLists)],
    |who, entry| vec![Listed(entry.clone()), Accepted(who.lead()), Removed(entry, From::AllLists), Committed],
    |who, entry| {
        let again = Listed(entry.clone());
        vec![Posted(who.lead()), Listed(entry.clone()), Removed(entry, From::AllLists), again]
    },
    |who, entry| vec![Listed(entry.lasting(Lasts::Over)), Posted(who.lead())],
    |who, entry| vec![Posted(who.lead()), Listed(entry.lasting(Lasts::Over))],
    |who, entry| vec![Listed(entry.lasting(Lasts::Long)), Posted(who.lead())],
    |who, entry| vec![Posted(who.lead()), Listed(entry.lasting(Lasts::Long))],
    |who, entry| {
        let entry = entry.lasting(Lasts::Long);
        vec![Listed(entry.clone()), Ended(entry), Posted(who.lead())]
    },
    |who, entry| {
        let entry = entry.lasting(Lasts::Long);
        vec![Listed(entry.clone()), Posted(who.lead()), Ended(entry)]
    },
    |who, entry| {
        let entry = entry.lasting(Lasts::Long);
        vec![Listed(entry.clone()), Accepted(who.lead()), Ended(entry), Committed]
    },
    |who, entry| {
        let (one, other) = (entry.clone().on("asked"), entry.on("bought"));
        vec![Listed(one.clone()), Listed(other), Posted(who.lead()), Removed(one, From::ItsList)]
    },
    |who, entry| {
        let (one, other) = (entry.clone().on("asked").lasting(Lasts::Long), entry.on("bought"));
        vec![Listed(one.clone()), Posted(who.lead()), Listed(other), Ended(one)]
    },
    |who, entry| {
        let (one, other) = (entry.clone().on("asked"), entry.on("bought"));
        vec![Listed(one.clone()), Posted(who.lead()), Listed(other), Removed(one, From::AllLists)]
    },
    |who, entry| vec![Listed(entry.of_another()), Posted(who.lead())],
    |who, entry| vec![Posted(who.lead()), Listed(entry.of_another())],
];

/// One entry for each way in which a value may be known.
fn entries(who: Person) -> Vec<Entry> {
    let mut entries = vec![
        who.phone_entry(Which::First),
        who.email_entry(Which::First),
        who.email_digest(),
        who.domain_entry(Which::First),
    ];
    entries.extend(who.phone_digests());
    entries
}

pub(super) fn add(table: &mut Table) {
    table.chapter("Who is listed, and when");
    table.row(|who| vec![Posted(who.lead())]);
    for moment in MOMENTS {
        table.rows(entries, *moment);
    }
    table.row(|who| {
        let all =
            [who.phone_entry(Which::First), who.email_entry(Which::First), who.domain_entry(Which::First)];
        all.into_iter().map(Listed).chain([Posted(who.lead())]).collect()
    });

    table.chapter("Who is not listed, and only looks like it");
    let others = |who: Person| [who.other_phones(), who.other_emails()].concat();
    table.rows(others, |who, entry| vec![Listed(entry), Posted(who.lead())]);
    table.rows(others, |who, entry| vec![Posted(who.lead()), Listed(entry)]);
}
