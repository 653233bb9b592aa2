//! Suppression entries, added and removed before, during and after the storing of a lead.

use super::Table;
use crate::story::{Entry, EntryExpiry, Event, RemovedFrom, Which};
use crate::values::Person;
use Event::{Accepted, Committed, Expired, Listed, ListedDuringCommit, Posted, Removed};

type Sequence = fn(Person, Entry) -> Vec<Event>;

const SEQUENCES: &[Sequence] = &[
    |who, entry| vec![Listed(entry), Posted(who.lead())],
    |who, entry| vec![Posted(who.lead()), Listed(entry)],
    |who, entry| vec![Accepted(who.lead()), Listed(entry), Committed],
    |who, entry| vec![ListedDuringCommit(who.lead(), entry)],
    |who, entry| vec![Listed(entry.clone()), Removed(entry, RemovedFrom::AllLists), Posted(who.lead())],
    |who, entry| vec![Listed(entry.clone()), Posted(who.lead()), Removed(entry, RemovedFrom::AllLists)],
    |who, entry| vec![Posted(who.lead()), Listed(entry.clone()), Removed(entry, RemovedFrom::AllLists)],
    |who, entry| {
        vec![Listed(entry.clone()), Accepted(who.lead()), Removed(entry, RemovedFrom::AllLists), Committed]
    },
    |who, entry| {
        let again = Listed(entry.clone());
        vec![Posted(who.lead()), Listed(entry.clone()), Removed(entry, RemovedFrom::AllLists), again]
    },
    |who, entry| vec![Listed(entry.with_expiry(EntryExpiry::Past)), Posted(who.lead())],
    |who, entry| vec![Posted(who.lead()), Listed(entry.with_expiry(EntryExpiry::Past))],
    |who, entry| vec![Listed(entry.with_expiry(EntryExpiry::InAYear)), Posted(who.lead())],
    |who, entry| vec![Posted(who.lead()), Listed(entry.with_expiry(EntryExpiry::InAYear))],
    |who, entry| {
        let entry = entry.with_expiry(EntryExpiry::InAYear);
        vec![Listed(entry.clone()), Expired(entry), Posted(who.lead())]
    },
    |who, entry| {
        let entry = entry.with_expiry(EntryExpiry::InAYear);
        vec![Listed(entry.clone()), Posted(who.lead()), Expired(entry)]
    },
    |who, entry| {
        let entry = entry.with_expiry(EntryExpiry::InAYear);
        vec![Listed(entry.clone()), Accepted(who.lead()), Expired(entry), Committed]
    },
    |who, entry| {
        let (first, second) = (entry.clone().on("asked"), entry.on("bought"));
        vec![Listed(first.clone()), Listed(second), Posted(who.lead()), Removed(first, RemovedFrom::ItsList)]
    },
    |who, entry| {
        let (first, second) =
            (entry.clone().on("asked").with_expiry(EntryExpiry::InAYear), entry.on("bought"));
        vec![Listed(first.clone()), Posted(who.lead()), Listed(second), Expired(first)]
    },
    |who, entry| {
        let (first, second) = (entry.clone().on("asked"), entry.on("bought"));
        vec![Listed(first.clone()), Posted(who.lead()), Listed(second), Removed(first, RemovedFrom::AllLists)]
    },
    |who, entry| vec![Listed(entry.of_other_organization()), Posted(who.lead())],
    |who, entry| vec![Posted(who.lead()), Listed(entry.of_other_organization())],
];

/// One entry for each kind of value, plain or as a digest.
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
    table.chapter("Listed values, before and after the lead");
    table.row(|who| vec![Posted(who.lead())]);
    for sequence in SEQUENCES {
        table.rows(entries, *sequence);
    }
    table.row(|who| {
        let all =
            [who.phone_entry(Which::First), who.email_entry(Which::First), who.domain_entry(Which::First)];
        all.into_iter().map(Listed).chain([Posted(who.lead())]).collect()
    });

    table.chapter("Listed values that only look like the lead's");
    let others = |who: Person| [who.other_phones(), who.other_emails()].concat();
    table.rows(others, |who, entry| vec![Listed(entry), Posted(who.lead())]);
    table.rows(others, |who, entry| vec![Posted(who.lead()), Listed(entry)]);
}
