//! The phone and the age of a consent.

use std::time::Duration;

use leadgate_domain::{Consent, DuplicatePolicy, Outcome, Patch, Reason, Submission, TextField, Timestamp};
use serde_json::json;

use crate::{ANN, BEN, World};

/// A submission of an eligible lead, with a consent that was given `offset` seconds after the receipt.
fn with_consent(world: &mut World, at: i64, offset: i64) -> Submission {
    let mut submission = world.submission(at, ANN, "");
    let consented_at = Timestamp::from_microseconds(at + offset * 1_000_000);
    submission.fields.consent = Patch::Value(Consent {
        consent_timestamp: Some(consented_at.to_string()),
        consent_text_version: Some("v1".into()),
        source_url: Some("https://example.com".into()),
        ..Consent::default()
    });
    submission
}

#[test]
fn a_consent_applies_to_the_phone_of_its_submission() {
    for stored_by_an_older_build in [false, true] {
        let mut world = World::new(DuplicatePolicy::Update);
        let mut first = with_consent(&mut world, 1, 0);
        first.fields.texts.insert(TextField::ExternalId, Some("x1".into()));
        world.commit(vec![first]);
        assert_eq!(world.leads[0].reasons, []);
        if stored_by_an_older_build {
            world.leads[0].consent_phone = None;
        }
        world.post(2, BEN, "x1");
        assert_eq!(world.leads[0].reasons, [Reason::ConsentForOtherPhone], "{stored_by_an_older_build}");
        assert!(
            !serde_json::to_string(&world.leads[0]).unwrap().contains("4155550132"),
            "the first phone is not stored"
        );
        world.post(3, ANN, "x1");
        assert_eq!(world.leads[0].reasons, []);
    }
}

#[test]
fn an_old_consent_and_a_future_consent_hold_the_lead() {
    const SECONDS_A_DAY: i64 = 86_400;
    let now = 1_790_000_000_000_000;
    let decision = |max_age: Option<i64>, offset: i64| {
        let mut world = World::new(DuplicatePolicy::ReturnExisting);
        let age = |days: i64| Duration::from_secs((days * SECONDS_A_DAY).unsigned_abs());
        world.source.consent_max_age = max_age.map(age);
        let submission = with_consent(&mut world, now, offset);
        let lead = world.commit(vec![submission]).created.remove(0);
        (lead.reasons, lead.eligible_until.map(|until| (until.as_microseconds() - now) / 1_000_000))
    };
    assert_eq!(decision(None, -900 * SECONDS_A_DAY), (vec![], None));
    assert_eq!(decision(Some(90), -SECONDS_A_DAY), (vec![], Some(89 * SECONDS_A_DAY)));
    assert_eq!(decision(Some(90), -91 * SECONDS_A_DAY), (vec![Reason::ConsentExpired], None));
    assert_eq!(decision(Some(90), 299), (vec![], Some(90 * SECONDS_A_DAY + 299)), "a clock may be ahead");
    assert_eq!(decision(None, 301), (vec![Reason::ConsentInFuture], None));
}

#[test]
fn a_future_consent_stays_invalid_and_the_shortest_maximum_age_counts() {
    let mut world = World::new(DuplicatePolicy::Update);
    let now = 1_790_000_000_000_000;
    let early = with_consent(&mut world, now, 3_600);
    world.commit(vec![early]);
    assert_eq!(world.post(now + 7_200_000_000, ANN, ""), (Outcome::Updated, Some(1)));
    assert_eq!(world.leads[0].reasons, [Reason::ConsentInFuture]);
    let good = with_consent(&mut world, now + 7_300_000_000, -60);
    world.commit(vec![good]);
    assert_eq!(world.leads[0].reasons, []);
    world.source.consent_max_age = Some(Duration::from_secs(30));
    world.post(now + 7_400_000_000, ANN, "");
    assert_eq!(world.leads[0].reasons, [Reason::ConsentExpired]);
}

#[test]
fn a_time_without_a_zone_is_read_in_the_zone_of_the_source() {
    let received = Timestamp::parse("2026-11-21T17:00:00Z").unwrap().as_microseconds();
    let lead = |zone: Option<&str>, time: &str, read_as: Option<&str>| {
        let mut world = World::new(DuplicatePolicy::ReturnExisting);
        world.source.timezone = zone.map(|zone| zone.parse().unwrap());
        let mut submission = with_consent(&mut world, received, 0);
        submission.fields.consent.modify_or_default(|consent| {
            consent.consent_timestamp = Some(time.to_owned());
            // A client can send this member; it must be ignored.
            consent.timestamp_read_as = read_as.and_then(Timestamp::parse);
        });
        let result = world.commit(vec![submission]);
        let read_in = json!(result.outcomes[0].1)["normalize"]["consent_timezone"].clone();
        let lead = result.created.into_iter().next().unwrap();
        (lead.reasons, lead.consent.unwrap().consented_at().map(|at| at.to_string()), read_in)
    };
    let new_york = Some("America/New_York");
    let noon = Some("2026-11-21T17:00:00.000000Z".to_owned());
    assert_eq!(lead(new_york, "2026-11-21 12:00", None), (vec![], noon.clone(), "America/New_York".into()));
    assert_eq!(lead(new_york, "2026-11-21T17:00:00Z", None), (vec![], noon, serde_json::Value::Null));
    let in_future = (vec![Reason::ConsentInFuture], Some("2026-11-21T17:06:00.000000Z".to_owned()));
    let (reasons, given_at, _) = lead(new_york, "2026-11-21 12:06", None);
    assert_eq!((reasons, given_at), in_future);
    let unreadable = (vec![Reason::ConsentIncomplete], None, serde_json::Value::Null);
    assert_eq!(lead(None, "2026-11-21 12:00", None), unreadable);
    assert_eq!(lead(None, "2026-11-21 12:00", Some("2026-11-21T16:00:00Z")), unreadable);
}
