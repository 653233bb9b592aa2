//! More than one submission about a person.

use super::Table;
use crate::story::{Entry, Event, From, OPTIONAL, PLAIN, PolicyName, Post, Test, UPDATING, Way, Which};
use crate::values::{Consenting, DAY, Person, SECOND, complete, given, shapes};
use Event::{Accepted, Committed, Listed, Posted, Raced, Removed};

const LINKING: Way = Way { policy: PolicyName::Link, ..PLAIN };
const CREATING: Way = Way { policy: PolicyName::Create, ..PLAIN };
const AGING: Way = Way { max_age_days: Some(30), ..UPDATING };
const A_DAY: i64 = DAY / SECOND;

/// A lead that nothing holds, and that later submissions may change, also its phone.
fn first(who: Person) -> Post {
    who.lead().to(UPDATING).known_by_id()
}

fn then(who: Person) -> Post {
    who.update_by_id().to(UPDATING)
}

fn without_consent(who: Person) -> Post {
    who.lead().without_consent().to(UPDATING)
}

pub(super) fn add(table: &mut Table) {
    consents(table);
    opt_outs(table);
    phones(table);
    emails(table);
    sources(table);
}

fn consents(table: &mut Table) {
    table.chapter("Consent that comes, changes and goes");
    table.row(|who| vec![Posted(who.lead().to(UPDATING)), Posted(who.update().to(UPDATING))]);
    let some = || shapes().into_iter().step_by(3).collect::<Vec<Consenting>>();
    table.rows(|_| some(), |who, consent| vec![Posted(first(who)), Posted(then(who).consent(consent))]);
    table.rows(
        |_| some(),
        |who, consent| vec![Posted(first(who).consent(consent)), Posted(then(who).consent(complete()))],
    );
    for way in [UPDATING, PLAIN, LINKING, CREATING] {
        table.row(|who| {
            vec![
                Posted(without_consent(who)),
                Posted(who.update().consent(complete()).to(way).told(told(way))),
            ]
        });
        table.row(|who| {
            let nothing = shapes().swap_remove(0);
            vec![
                Posted(who.lead().to(UPDATING)),
                Posted(who.update().consent(nothing).to(way).told(told(way))),
            ]
        });
    }
    // Received before, worked on later: what was received last counts.
    let early = |who: Person| who.update().to(UPDATING).told("though it was received before");
    let late = |who: Person| who.lead().later(120).to(UPDATING);
    table.row(|who| vec![Posted(late(who)), Posted(early(who).consent(shapes().swap_remove(0)))]);
    table.row(|who| vec![Posted(late(who).without_consent()), Posted(early(who).consent(complete()))]);
    let ahead = || given(4 * 60 * SECOND, "four minutes after its receipt");
    table.row(|who| vec![Posted(first(who)), Posted(then(who).consent(ahead()))]);
    let far_ahead = || given(6 * 60 * SECOND, "six minutes after its receipt");
    table.row(|who| vec![Posted(first(who).consent(far_ahead())), Posted(then(who).later(A_DAY))]);
}

/// What a source does with a submission that meets a lead, where the source's own words do not say it.
fn told(way: Way) -> &'static str {
    match way.policy {
        PolicyName::ReturnExisting => "as a duplicate",
        PolicyName::Update => "as an update",
        PolicyName::Link | PolicyName::Create => "",
    }
}

fn opt_outs(table: &mut Table) {
    table.chapter("Opting out");
    table.row(|who| vec![Posted(who.lead().opted_out())]);
    for way in [UPDATING, PLAIN, LINKING, CREATING] {
        let again = |who: Person| who.update().told(told(way)).to(way);
        table.row(|who| vec![Posted(who.lead().to(UPDATING)), Posted(again(who).opted_out())]);
        table.row(|who| {
            let last = who.update().to(UPDATING).later(120).consent(complete());
            vec![Posted(who.lead().to(UPDATING)), Posted(again(who).opted_out()), Posted(last)]
        });
        table.row(|who| {
            vec![Posted(who.lead().opted_out().to(UPDATING)), Posted(again(who).consent(complete()))]
        });
        table.row(|who| {
            let entry = who.phone_entry(Which::First);
            vec![
                Posted(who.lead().to(UPDATING)),
                Accepted(again(who).opted_out()),
                Listed(entry.clone()),
                Committed,
                Removed(entry, From::AllLists),
            ]
        });
    }
    // One submission with the id of one lead and the phone of another: both are the person's.
    for (last, words) in [(PLAIN, "as a duplicate"), (OPTIONAL, "")] {
        table.row(|who| {
            let by_id = first(who).phone(who.phone(Which::Second));
            let both = then(who).phone(who.phone(Which::First)).opted_out();
            vec![
                Posted(by_id),
                Posted(Post {
                    verb: "another lead is posted with its phone",
                    ..who.lead().to(UPDATING).later(30)
                }),
                Posted(both),
                Posted(who.update().later(120).to(last).told(words)),
            ]
        });
    }
    // By another way than the lead came, and before it comes: the phone and the email are the person's.
    let unknown = || Post::nothing("somebody opts out").opted_out().later(30);
    for said in [
        |who: Person, post: Post| post.email(who.email(Which::First)),
        |who: Person, post: Post| post.email(who.emails_written().swap_remove(3)),
        |who: Person, post: Post| post.phone(who.phones_written().swap_remove(7)),
        |who: Person, post: Post| post.phone(who.phone(Which::Second)).email(who.email(Which::First)),
        |who: Person, post: Post| post.phone(who.phone(Which::Second)).email(who.email(Which::Second)),
        |who: Person, post: Post| post.email(who.email(Which::First)).test(Test::Said),
    ] {
        let opt_out = |who: Person| said(who, unknown());
        table.row(|who| vec![Posted(opt_out(who)), Posted(who.lead().later(60))]);
        table.row(|who| {
            let again = Post { verb: "it is made once more", ..who.lead().later(60).to(CREATING) };
            vec![Posted(who.lead()), Posted(opt_out(who)), Posted(again)]
        });
        table.row(|who| vec![Accepted(who.lead()), Posted(opt_out(who)), Committed]);
    }
    table.row(|who| {
        let by_id = who.update_by_id().to(UPDATING).opted_out();
        let again = Post { verb: "the same person is posted without the id", ..who.lead().later(90) };
        vec![Posted(first(who)), Posted(by_id), Posted(again.to(CREATING))]
    });
    for off in [vec![], vec![Which::First]] {
        table.row(|who| {
            let by_email = unknown().email(who.email(Which::First));
            let off = off.iter().map(|which| Removed(who.email_entry(*which), From::AllLists));
            let posts = [Posted(who.lead()), Posted(by_email)];
            let again = Posted(who.update().later(90).told("after that"));
            posts.into_iter().chain(off).chain([again]).collect()
        });
    }
    table.row(|who| {
        let early = who.update().to(UPDATING).told("though it was received before").opted_out();
        vec![Posted(who.lead().later(120).to(UPDATING)), Posted(early)]
    });
    table.row(|who| {
        vec![
            Posted(who.lead()),
            Posted(who.update().opted_out().test(Test::Said)),
            Posted(who.update().later(90)),
        ]
    });
    table.row(|who| vec![Posted(who.test_lead(Test::ByKey)), Posted(who.lead().later(60).told("once more"))]);
}

fn phones(table: &mut Table) {
    table.chapter("A phone that changes");
    let other = |who: Person| then(who).phone(who.phone(Which::Second));
    let early = |who: Person| then(who).told("though it was received before");
    let (old, new) =
        (|who: Person| who.phone_entry(Which::First), |who: Person| who.phone_entry(Which::Second));
    table.row(|who| vec![Posted(first(who)), Posted(other(who))]);
    let consent = || given(-DAY, "a day ago");
    table.row(|who| vec![Posted(first(who)), Posted(other(who).consent(consent()))]);
    table.row(|who| {
        vec![Posted(first(who)), Posted(other(who)), Posted(then(who).consent(consent()).later(90))]
    });
    table.row(|who| {
        let back = then(who).phone(who.phone(Which::First)).later(90);
        vec![Posted(first(who)), Posted(other(who)), Posted(back)]
    });
    table.row(|who| {
        let early = early(who).phone(who.phone(Which::Second)).consent(consent());
        vec![Posted(first(who).later(120).without_consent()), Posted(early)]
    });
    for entry in [old, new] {
        table.row(|who| vec![Listed(entry(who)), Posted(first(who)), Posted(other(who))]);
        table.row(|who| vec![Posted(first(who)), Listed(entry(who)), Posted(other(who))]);
        table.row(|who| vec![Posted(first(who)), Posted(other(who)), Listed(entry(who))]);
        table.row(|who| vec![Posted(first(who)), Accepted(other(who)), Listed(entry(who)), Committed]);
        table.row(|who| vec![Posted(first(who)), Raced(other(who), entry(who))]);
        table.row(|who| {
            let early = early(who).phone(who.phone(Which::Second));
            vec![Listed(entry(who)), Posted(first(who).later(120)), Posted(early)]
        });
    }
    for way in [PLAIN, LINKING] {
        let known = |who: Person| who.lead().to(way).known_by_id();
        let met = |who: Person| who.update_by_id().told(told(way)).to(way).phone(who.phone(Which::Second));
        table.row(|who| vec![Listed(new(who)), Posted(known(who)), Posted(met(who))]);
        table.row(|who| vec![Listed(old(who)), Posted(known(who)), Posted(met(who))]);
    }
    table.row(|who| vec![Posted(first(who)), Posted(then(who).phone(who.null_phone()))]);
    table.row(|who| vec![Listed(old(who)), Posted(first(who)), Posted(then(who).phone(who.null_phone()))]);
    table.row(|who| vec![Posted(first(who)), Posted(then(who).phone(who.unreadable_phone()))]);
    table.row(|who| {
        let good = who.phone(Which::First);
        vec![Posted(first(who).phone(who.unreadable_phone())), Posted(then(who).phone(good))]
    });
    table.row(|who| {
        let good = who.phone(Which::First);
        vec![Listed(old(who)), Posted(first(who).without_phone()), Posted(then(who).phone(good))]
    });
}

fn emails(table: &mut Table) {
    table.chapter("An email that changes");
    let other = |who: Person| then(who).email(who.email(Which::Second));
    let entries: [fn(Person) -> Entry; 4] = [
        |who| who.email_entry(Which::First),
        |who| who.email_entry(Which::Second),
        |who| who.domain_entry(Which::First),
        |who| who.domain_entry(Which::Second),
    ];
    for entry in entries {
        table.row(|who| vec![Listed(entry(who)), Posted(first(who)), Posted(other(who))]);
        table.row(|who| vec![Posted(first(who)), Posted(other(who)), Listed(entry(who))]);
        table.row(|who| vec![Posted(first(who)), Accepted(other(who)), Listed(entry(who)), Committed]);
        table.row(|who| vec![Posted(first(who)), Raced(other(who), entry(who))]);
    }
    table.row(|who| {
        vec![
            Listed(who.email_entry(Which::First)),
            Posted(first(who)),
            Posted(then(who).email(who.null_email())),
        ]
    });
    table.row(|who| {
        let email = who.email(Which::First);
        vec![Listed(who.email_digest()), Posted(first(who).without_email()), Posted(then(who).email(email))]
    });
}

fn sources(table: &mut Table) {
    table.chapter("Several sources, and time that passes");
    for (one, other) in [(UPDATING, OPTIONAL), (OPTIONAL, UPDATING), (OPTIONAL, OPTIONAL)] {
        let told = if other == OPTIONAL { "" } else { "to a source that requires consent" };
        table.row(|who| {
            vec![Posted(who.lead().without_consent().to(one)), Posted(who.update().to(other).told(told))]
        });
        table.row(|who| vec![Posted(who.lead().to(one)), Posted(who.update().to(other).told(told))]);
    }
    let days = |days: i64| given(-days * DAY, ago(days));
    let longer = Way { max_age_days: Some(90), ..AGING };
    for (one, other) in [(AGING, UPDATING), (UPDATING, AGING), (AGING, longer), (longer, AGING)] {
        let told = if other == UPDATING { "to a source that does not ask how old consent is" } else { "" };
        for age in [20, 40] {
            table.row(|who| {
                vec![Posted(who.lead().consent(days(age)).to(one)), Posted(who.update().to(other).told(told))]
            });
        }
    }
    let aged = |who: Person| who.lead().consent(days(29)).to(AGING).known_by_id();
    let on = |who: Person| who.update_by_id().to(AGING);
    table.row(|who| vec![Posted(aged(who)), Posted(on(who).later(A_DAY).told("a day later"))]);
    table.row(|who| {
        vec![Posted(aged(who)), Posted(on(who).later(A_DAY + 1).told("a day and a second later"))]
    });
    table.row(|who| {
        vec![Posted(aged(who)), Posted(on(who).later(2 * A_DAY).consent(complete()).told("two days later"))]
    });
    table.row(|who| {
        let entry = who.phone_entry(Which::First);
        vec![Posted(aged(who)), Listed(entry.clone()), Removed(entry, From::AllLists)]
    });
    table.row(|who| {
        let later = who
            .lead()
            .later(31 * A_DAY)
            .to(UPDATING)
            .without_consent()
            .told("after 31 days, as somebody new");
        vec![Posted(who.lead().to(UPDATING)), Posted(later)]
    });
    table.row(|who| {
        let later = who.lead().later(31 * A_DAY).to(UPDATING).told("after 31 days, as somebody new");
        vec![Listed(who.phone_entry(Which::First)), Posted(who.lead().to(UPDATING)), Posted(later)]
    });
}

fn ago(days: i64) -> &'static str {
    match days {
        20 => "20 days ago",
        29 => "29 days ago",
        _ => "40 days ago",
    }
}
