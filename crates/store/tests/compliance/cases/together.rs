//! Several things that hold the same lead: all of them are told, not the first.

use super::Table;
use crate::story::{Entry, Event, Post, Test, Which};
use crate::values::{Consenting, DAY, HOUR, Person, complete, given, shapes};
use Event::{Listed, Posted};

fn consents() -> Vec<Option<Consenting>> {
    let incomplete = shapes().swap_remove(3);
    vec![Some(complete()), None, Some(incomplete), Some(given(HOUR, "an hour after the receipt"))]
}

fn phoned(who: Person, lead: Post, phone: usize) -> Post {
    match phone {
        0 => lead,
        1 => lead.without_phone(),
        _ => lead.phone(who.unreadable_phone()),
    }
}

/// Ever another set of lists.
fn listed(who: Person, turn: usize) -> Vec<Entry> {
    let all = [who.phone_entry(Which::First), who.email_entry(Which::First), who.domain_entry(Which::First)];
    let named = |(place, entry)| (turn >> place & 1 == 1).then_some(entry);
    all.into_iter().enumerate().filter_map(named).collect()
}

pub(super) fn add(table: &mut Table) {
    table.chapter("Several reasons at once");
    let mut turn = 2;
    for test in [Test::No, Test::Said, Test::ByKey] {
        for phone in 0..3 {
            for opt_out in [false, true] {
                for consent in consents() {
                    turn += 1;
                    table.row(|who| {
                        let lead = phoned(who, who.lead(), phone);
                        let lead = match consent {
                            Some(consent) if consent.words == complete().words => lead,
                            Some(consent) => lead.consent(consent),
                            None => lead.without_consent(),
                        };
                        let lead = if opt_out { lead.opted_out() } else { lead };
                        let lead = if test == Test::No { lead } else { lead.test(test) };
                        listed(who, turn).into_iter().map(Listed).chain([Posted(lead)]).collect()
                    });
                }
            }
        }
    }
    table.row(|who| {
        let old = given(-400 * DAY, "400 days ago");
        let aging = crate::story::Way { max_age_days: Some(30), ..crate::story::PLAIN };
        let all = listed(who, 7).into_iter().map(Listed);
        all.chain([Posted(who.lead().consent(old).opted_out().to(aging))]).collect()
    });
}
