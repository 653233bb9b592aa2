//! More than one submission about a person.

use super::Table;
use crate::story::{
    Entry, Event, OPTIONAL, PLAIN, PolicyName, Post, RemovedFrom, SourceSettings, Test, UPDATING, Which,
};
use crate::values::{DAY, Person, SECOND, SubmittedConsent, bad_consents, complete, given};
use Event::{Accepted, Committed, Listed, ListedDuringCommit, Posted, Removed};

const LINKING: SourceSettings = SourceSettings { policy: PolicyName::Link, ..PLAIN };
const CREATING: SourceSettings = SourceSettings { policy: PolicyName::Create, ..PLAIN };
const AGING: SourceSettings = SourceSettings { max_age_days: Some(30), ..UPDATING };
const A_DAY: i64 = DAY / SECOND;

/// An eligible lead that later submissions may update. It has an external id, so that its phone may change
/// too.
fn first(who: Person) -> Post {
    who.lead().to(UPDATING).with_external_id()
}

fn update(who: Person) -> Post {
    who.update_with_id().to(UPDATING)
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
    table.chapter("Consent in later submissions");
    table.row(|who| vec![Posted(who.lead().to(UPDATING)), Posted(who.update().to(UPDATING))]);
    let every_third = || bad_consents().into_iter().step_by(3).collect::<Vec<SubmittedConsent>>();
    table.rows(
        |_| every_third(),
        |who, consent| vec![Posted(first(who)), Posted(update(who).consent(consent))],
    );
    table.rows(
        |_| every_third(),
        |who, consent| vec![Posted(first(who).consent(consent)), Posted(update(who).consent(complete()))],
    );
    for settings in [UPDATING, PLAIN, LINKING, CREATING] {
        table.row(|who| {
            vec![
                Posted(without_consent(who)),
                Posted(who.update().consent(complete()).to(settings).with_words(policy_words(settings))),
            ]
        });
        table.row(|who| {
            let null = bad_consents().swap_remove(0);
            vec![
                Posted(who.lead().to(UPDATING)),
                Posted(who.update().consent(null).to(settings).with_words(policy_words(settings))),
            ]
        });
    }
    // Received earlier and processed later: the values that were received last apply.
    let early = |who: Person| who.update().to(UPDATING).with_words("received earlier than the lead");
    let late = |who: Person| who.lead().later(120).to(UPDATING);
    table.row(|who| vec![Posted(late(who)), Posted(early(who).consent(bad_consents().swap_remove(0)))]);
    table.row(|who| vec![Posted(late(who).without_consent()), Posted(early(who).consent(complete()))]);
    let four_minutes_ahead = || given(4 * 60 * SECOND, "four minutes after its receipt");
    table.row(|who| vec![Posted(first(who)), Posted(update(who).consent(four_minutes_ahead()))]);
    let six_minutes_ahead = || given(6 * 60 * SECOND, "six minutes after its receipt");
    table.row(|who| vec![Posted(first(who).consent(six_minutes_ahead())), Posted(update(who).later(A_DAY))]);
}

/// What the source does with a submission about a known person, unless `SourceSettings::words` already says
/// it.
fn policy_words(settings: SourceSettings) -> &'static str {
    match settings.policy {
        PolicyName::ReturnExisting => "as a duplicate",
        PolicyName::Update => "as an update",
        PolicyName::Link | PolicyName::Create => "",
    }
}

fn opt_outs(table: &mut Table) {
    table.chapter("Opt-outs");
    table.row(|who| vec![Posted(who.lead().opted_out())]);
    for settings in [UPDATING, PLAIN, LINKING, CREATING] {
        let again = |who: Person| who.update().with_words(policy_words(settings)).to(settings);
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
                Removed(entry, RemovedFrom::AllLists),
            ]
        });
    }
    // One submission has the id of one lead and the phone of another lead: it opts both out.
    for (last, words) in [(PLAIN, "as a duplicate"), (OPTIONAL, "")] {
        table.row(|who| {
            let by_id = first(who).phone(who.phone(Which::Second));
            let both = update(who).phone(who.phone(Which::First)).opted_out();
            vec![
                Posted(by_id),
                Posted(Post {
                    verb: "another lead is posted with its phone",
                    ..who.lead().to(UPDATING).later(30)
                }),
                Posted(both),
                Posted(who.update().later(120).to(last).with_words(words)),
            ]
        });
    }
    // An opt-out without a known lead: its phone and its email hold other leads, earlier and later ones.
    let unknown = || Post { opt_out: true, ..Post::empty("an opt-out is posted").later(30) };
    for with_contacts in [
        |who: Person, post: Post| post.email(who.email(Which::First)),
        |who: Person, post: Post| post.email(who.email_spellings().swap_remove(3)),
        |who: Person, post: Post| post.phone(who.phone_spellings().swap_remove(7)),
        |who: Person, post: Post| post.phone(who.phone(Which::Second)).email(who.email(Which::First)),
        |who: Person, post: Post| post.phone(who.phone(Which::Second)).email(who.email(Which::Second)),
        |who: Person, post: Post| post.email(who.email(Which::First)).test(Test::Marked),
    ] {
        let opt_out = |who: Person| with_contacts(who, unknown());
        table.row(|who| vec![Posted(opt_out(who)), Posted(who.lead().later(60))]);
        table.row(|who| {
            let again = Post { verb: "the lead is posted again", ..who.lead().later(60).to(CREATING) };
            vec![Posted(who.lead()), Posted(opt_out(who)), Posted(again)]
        });
        table.row(|who| vec![Accepted(who.lead()), Posted(opt_out(who)), Committed]);
    }
    table.row(|who| {
        let by_id = who.update_with_id().to(UPDATING).opted_out();
        let again = Post { verb: "the same person is posted without the id", ..who.lead().later(90) };
        vec![Posted(first(who)), Posted(by_id), Posted(again.to(CREATING))]
    });
    for removed in [vec![], vec![Which::First]] {
        table.row(|who| {
            let by_email = unknown().email(who.email(Which::First));
            let removals =
                removed.iter().map(|which| Removed(who.email_entry(*which), RemovedFrom::AllLists));
            let posts = [Posted(who.lead()), Posted(by_email)];
            let again = Posted(who.update().later(90));
            posts.into_iter().chain(removals).chain([again]).collect()
        });
    }
    table.row(|who| {
        let early = who.update().to(UPDATING).with_words("received earlier than the lead").opted_out();
        vec![Posted(who.lead().later(120).to(UPDATING)), Posted(early)]
    });
    table.row(|who| {
        vec![
            Posted(who.lead()),
            Posted(who.update().opted_out().test(Test::Marked)),
            Posted(who.update().later(90)),
        ]
    });
    table.row(|who| {
        vec![Posted(who.test_lead(Test::ByKey)), Posted(who.lead().later(60).with_words("once more"))]
    });
}

fn phones(table: &mut Table) {
    table.chapter("Phone changes");
    let other = |who: Person| update(who).phone(who.phone(Which::Second));
    let early = |who: Person| update(who).with_words("received earlier than the lead");
    let (old, new) =
        (|who: Person| who.phone_entry(Which::First), |who: Person| who.phone_entry(Which::Second));
    table.row(|who| vec![Posted(first(who)), Posted(other(who))]);
    let consent = || given(-DAY, "a day ago");
    table.row(|who| vec![Posted(first(who)), Posted(other(who).consent(consent()))]);
    table.row(|who| {
        vec![Posted(first(who)), Posted(other(who)), Posted(update(who).consent(consent()).later(90))]
    });
    table.row(|who| {
        let back = update(who).phone(who.phone(Which::First)).later(90);
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
        table.row(|who| vec![Posted(first(who)), ListedDuringCommit(other(who), entry(who))]);
        table.row(|who| {
            let early = early(who).phone(who.phone(Which::Second));
            vec![Listed(entry(who)), Posted(first(who).later(120)), Posted(early)]
        });
    }
    for settings in [PLAIN, LINKING] {
        let stored = |who: Person| who.lead().to(settings).with_external_id();
        let later = |who: Person| {
            who.update_with_id()
                .with_words(policy_words(settings))
                .to(settings)
                .phone(who.phone(Which::Second))
        };
        table.row(|who| vec![Listed(new(who)), Posted(stored(who)), Posted(later(who))]);
        table.row(|who| vec![Listed(old(who)), Posted(stored(who)), Posted(later(who))]);
    }
    table.row(|who| vec![Posted(first(who)), Posted(update(who).phone(who.null_phone()))]);
    table.row(|who| vec![Listed(old(who)), Posted(first(who)), Posted(update(who).phone(who.null_phone()))]);
    table.row(|who| vec![Posted(first(who)), Posted(update(who).phone(who.unreadable_phone()))]);
    table.row(|who| {
        let good = who.phone(Which::First);
        vec![Posted(first(who).phone(who.unreadable_phone())), Posted(update(who).phone(good))]
    });
    table.row(|who| {
        let good = who.phone(Which::First);
        vec![Listed(old(who)), Posted(first(who).without_phone()), Posted(update(who).phone(good))]
    });
}

fn emails(table: &mut Table) {
    table.chapter("Email changes");
    let other = |who: Person| update(who).email(who.email(Which::Second));
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
        table.row(|who| vec![Posted(first(who)), ListedDuringCommit(other(who), entry(who))]);
    }
    table.row(|who| {
        vec![
            Listed(who.email_entry(Which::First)),
            Posted(first(who)),
            Posted(update(who).email(who.null_email())),
        ]
    });
    table.row(|who| {
        let email = who.email(Which::First);
        vec![Listed(who.email_digest()), Posted(first(who).without_email()), Posted(update(who).email(email))]
    });
}

fn sources(table: &mut Table) {
    table.chapter("Several sources, and consent that grows older");
    for (first_source, second_source) in [(UPDATING, OPTIONAL), (OPTIONAL, UPDATING), (OPTIONAL, OPTIONAL)] {
        let words = if second_source == OPTIONAL { "" } else { "to a source that requires consent" };
        table.row(|who| {
            vec![
                Posted(who.lead().without_consent().to(first_source)),
                Posted(who.update().to(second_source).with_words(words)),
            ]
        });
        table.row(|who| {
            vec![
                Posted(who.lead().to(first_source)),
                Posted(who.update().to(second_source).with_words(words)),
            ]
        });
    }
    let days = |days: i64| given(-days * DAY, ago(days));
    let longer = SourceSettings { max_age_days: Some(90), ..AGING };
    for (first_source, second_source) in
        [(AGING, UPDATING), (UPDATING, AGING), (AGING, longer), (longer, AGING)]
    {
        let words =
            if second_source == UPDATING { "to a source without a maximum age of consent" } else { "" };
        for age in [20, 40] {
            table.row(|who| {
                vec![
                    Posted(who.lead().consent(days(age)).to(first_source)),
                    Posted(who.update().to(second_source).with_words(words)),
                ]
            });
        }
    }
    let with_old_consent = |who: Person| who.lead().consent(days(29)).to(AGING).with_external_id();
    let later_update = |who: Person| who.update_with_id().to(AGING);
    table.row(|who| {
        vec![Posted(with_old_consent(who)), Posted(later_update(who).later(A_DAY).with_words("a day later"))]
    });
    table.row(|who| {
        vec![
            Posted(with_old_consent(who)),
            Posted(later_update(who).later(A_DAY + 1).with_words("a day and a second later")),
        ]
    });
    table.row(|who| {
        vec![
            Posted(with_old_consent(who)),
            Posted(later_update(who).later(2 * A_DAY).consent(complete()).with_words("two days later")),
        ]
    });
    table.row(|who| {
        let entry = who.phone_entry(Which::First);
        vec![Posted(with_old_consent(who)), Listed(entry.clone()), Removed(entry, RemovedFrom::AllLists)]
    });
    table.row(|who| {
        let later = who
            .lead()
            .later(31 * A_DAY)
            .to(UPDATING)
            .without_consent()
            .with_words("after 31 days, as a new person");
        vec![Posted(who.lead().to(UPDATING)), Posted(later)]
    });
    table.row(|who| {
        let later = who.lead().later(31 * A_DAY).to(UPDATING).with_words("after 31 days, as a new person");
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
