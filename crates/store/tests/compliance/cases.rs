//! The cases: combinations of submitted values, suppression entries and the order of events.

mod consents;
mod erasures;
mod lists;
mod together;
mod updates;
mod writing;

use crate::story::{Case, Event};
use crate::values::Person;

/// All cases. The number of a case is also the number of its person.
pub(crate) fn all() -> Vec<Case> {
    let mut table = Table::default();
    lists::add(&mut table);
    writing::add(&mut table);
    consents::add(&mut table);
    updates::add(&mut table);
    together::add(&mut table);
    erasures::add(&mut table);
    table.cases
}

#[derive(Default)]
pub(crate) struct Table {
    chapter: &'static str,
    cases: Vec<Case>,
}

impl Table {
    /// Starts a chapter. The following rows belong to it.
    fn chapter(&mut self, chapter: &'static str) {
        self.chapter = chapter;
    }

    fn row(&mut self, events: impl FnOnce(Person) -> Vec<Event>) {
        let number = self.cases.len() + 1;
        self.cases.push(Case { number, chapter: self.chapter, events: events(Person { number }) });
    }

    /// Adds one row for each of the values.
    fn rows<T>(&mut self, values: impl Fn(Person) -> Vec<T>, events: impl Fn(Person, T) -> Vec<Event>) {
        let count = values(Person { number: 0 }).len();
        for index in 0..count {
            self.row(|person| events(person, values(person).swap_remove(index)));
        }
    }
}
