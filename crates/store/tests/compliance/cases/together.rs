//! Several reasons hold the same lead. The lead lists all of them.

use super::Table;
use crate::story::{Entry, Event, Post, Test, Which};
use crate::values::{DAY, HOUR, Person, SubmittedConsent, bad_consents, complete, given};
use Event::{Listed, Posted};

fn consents() -> Vec<Option<SubmittedConsent>> {
    let incomplete = bad_consents().swap_remove(3);
    vec![Some(complete()), None, Some(incomplete), Some(given(HOUR, "an hour after the receipt"))]
}

fn with_phone(who: Person, lead: Post, phone: usize) -> Post {
    match phone {
        0 => lead,
        1 => lead.without_phone(),
        _ => lead.phone(who.unreadable_phone()),
    }
}

/// The entries whose bit is set in `bits`: phone, email, domain.
fn listed(who: Person, bits: usize) -> Vec<Entry> {
    let all = [who.phone_entry(Which::First), who.email_entry(Which::First), who.domain_entry(Which::First)];
    let selected = |(index, entry)| (bits >> index & 1 == 1).then_some(entry);
    all.into_iter().enumerate().filter_map(selected).collect()
}

pub(super) fn add(table: &mut Table) {
    table.chapter("Several reasons at once");
    let mut bits = 2;
    for test in [Test::No, Test::Marked, Test::ByKey] {
        for phone in 0..3 {
            for opt_out in [false, true] {
                for consent in consents() {
                    bits += 1;
                    table.row(|who| {
                        let lead = with_phone(who, who.lead(), phone);
                        let lead = match consent {
                            Some(consent) if consent.words == complete().words => lead,
                            Some(consent) => lead.consent(consent),
                            None => lead.without_consent(),
                        };
                        let lead = if opt_out { lead.opted_out() } else { lead };
                        let lead = if test == Test::No { lead } else { lead.test(test) };
                        listed(who, bits).into_iter().map(Listed).chain([Posted(lead)]).collect()
                    });
                }
            }
        }
    }
    table.row(|who| {
        let old = given(-400 * DAY, "400 days ago");
        let aging = crate::story::SourceSettings { max_age_days: Some(30), ..crate::story::PLAIN };
        let all = listed(who, 7).into_iter().map(Listed);
        all.chain([Posted(who.lead().consent(old).opted_out().to(aging))]).collect()
    });
}
