//! Consent: for which phone, and how old.

use std::time::Duration;

use leadgate_domain::{Consent, Outcome, Policy, Reason, Said, Submission, TextField, Timestamp};

use crate::{ANN, BEN, World};

/// A lead that would be eligible, with consent given `given` seconds after it was received.
fn consenting(world: &mut World, at: i64, given: i64) -> Submission {
    let mut submission = world.submission(at, ANN, "");
    let given = Timestamp::from_microseconds(at + given * 1_000_000);
    submission.fields.consent = Said::Value(Consent {
        consent_timestamp: Some(given.to_string()),
        consent_text_version: Some("v1".into()),
        source_url: Some("https://example.com".into()),
        ..Consent::default()
    });
    submission
}

#[test]
fn consent_is_for_the_phone_that_it_came_with() {
    for kept_by_an_older_build in [false, true] {
        let mut world = World::new(Policy::Update);
        let mut first = consenting(&mut world, 1, 0);
        first.fields.texts.insert(TextField::ExternalId, Some("x1".into()));
        world.commit(vec![first]);
        assert_eq!(world.leads[0].reasons, []);
        if kept_by_an_older_build {
            world.leads[0].consent_phone = None;
        }
        world.post(2, BEN, "x1");
        assert_eq!(world.leads[0].reasons, [Reason::ConsentForOtherPhone], "{kept_by_an_older_build}");
        assert!(
            !serde_json::to_string(&world.leads[0]).unwrap().contains("4155550132"),
            "nothing of it is left"
        );
        world.post(3, ANN, "x1");
        assert_eq!(world.leads[0].reasons, []);
    }
}

#[test]
fn consent_is_neither_too_old_nor_from_the_future() {
    const SECONDS_A_DAY: i64 = 86_400;
    let now = 1_790_000_000_000_000;
    let verdict = |max_age: Option<i64>, given: i64| {
        let mut world = World::new(Policy::ReturnExisting);
        let age = |days: i64| Duration::from_secs((days * SECONDS_A_DAY).unsigned_abs());
        world.source.consent_max_age = max_age.map(age);
        let submission = consenting(&mut world, now, given);
        let lead = world.commit(vec![submission]).created.remove(0);
        (lead.reasons, lead.eligible_until.map(|until| (until.as_microseconds() - now) / 1_000_000))
    };
    assert_eq!(verdict(None, -900 * SECONDS_A_DAY), (vec![], None));
    assert_eq!(verdict(Some(90), -SECONDS_A_DAY), (vec![], Some(89 * SECONDS_A_DAY)));
    assert_eq!(verdict(Some(90), -91 * SECONDS_A_DAY), (vec![Reason::ConsentExpired], None));
    assert_eq!(verdict(Some(90), 299), (vec![], Some(90 * SECONDS_A_DAY + 299)), "a clock may be ahead");
    assert_eq!(verdict(None, 301), (vec![Reason::ConsentInFuture], None));
}

#[test]
fn consent_from_the_future_does_not_ripen_and_the_strictest_source_counts() {
    let mut world = World::new(Policy::Update);
    let now = 1_790_000_000_000_000;
    let early = consenting(&mut world, now, 3_600);
    world.commit(vec![early]);
    assert_eq!(world.post(now + 7_200_000_000, ANN, ""), (Outcome::Updated, Some(1)));
    assert_eq!(world.leads[0].reasons, [Reason::ConsentInFuture]);
    let good = consenting(&mut world, now + 7_300_000_000, -60);
    world.commit(vec![good]);
    assert_eq!(world.leads[0].reasons, []);
    world.source.consent_max_age = Some(Duration::from_secs(30));
    world.post(now + 7_400_000_000, ANN, "");
    assert_eq!(world.leads[0].reasons, [Reason::ConsentExpired]);
}
