//! What a database refuses, and what breaks in the middle.

use leadgate_domain::{Outcome, QuarantineReason, RawBody};
use leadgate_store::StoreError;

use crate::hooked::Hooked;
use crate::world::{World, over_both};

over_both!(
    a_refused_row_takes_its_batch_with_it_and_nothing_else,
    a_refused_row_is_kept_whole,
    a_sound_row_is_kept_in_columns,
    a_panic_of_the_judge_stores_nothing_and_harms_nobody,
    attempts_are_counted_and_forgotten,
);

const CLASHING: &str = "+14155550190";

async fn a_refused_row_takes_its_batch_with_it_and_nothing_else(world: World) {
    let stored = world.phone("+14155550132");
    world.commit(std::slice::from_ref(&stored)).await;
    let sound = world.phone("+14155550133");
    let batch = vec![world.normalize(sound.clone()), world.normalize(world.phone(CLASHING))];
    // What passes the validator is not refused for its values; so one lead is given the id of another.
    let taken = stored.id.into();
    let judge = Hooked::judge(world.judge(), move |effects| {
        effects
            .created
            .iter_mut()
            .filter(|lead| lead.e164() == Some(CLASHING))
            .for_each(|lead| lead.id = taken);
    });
    let error = world.store.commit(batch, judge).await.unwrap_err();
    let StoreError::RowRefused { code, constraint } = &error else { panic!("{error:?}") };
    assert!(["23505", "SQLITE_CONSTRAINT_UNIQUE"].contains(&code.as_str()), "{code}");
    assert!(constraint.as_ref().is_some_and(|name| name.contains("leads")), "{constraint:?}");
    assert!(!error.to_string().contains("+1415"), "{error}");
    assert_eq!(world.stored().await.len(), 1, "nothing of the batch is stored");
    // Not the claims of the batch either: its other half makes its lead.
    let half = world.commit(std::slice::from_ref(&sound)).await;
    assert_eq!(half.settled[0].outcome, Outcome::Created);
}

async fn a_refused_row_is_kept_whole(world: World) {
    let mut submission = world.phone("+14155550132");
    // No gateway lets a NUL through, and PostgreSQL takes it neither in text nor in JSON.
    submission.fields.phone = leadgate_domain::Patch::Value("+1415\x00555".into());
    submission.raw = RawBody::Text("a\0b".into());
    let reason = QuarantineReason::RowRefused;
    let kept = world.store.quarantine_alone(submission.clone(), reason).await.unwrap();
    assert_eq!(kept.settled[0].outcome, Outcome::Quarantined);
    let again = world.store.quarantine_alone(submission.clone(), reason).await.unwrap();
    assert_eq!((again.settled.len(), again.repeated, again.reused), (0, 1, 0));

    let record = world.store.submission(world.organization.id, submission.id).await.unwrap().unwrap();
    assert_eq!(record.submission, submission);
    assert_eq!(record.quarantine[0].reason, reason);
    let found = world.store.find(world.organization.id, submission.id.as_uuid()).await.unwrap().unwrap();
    assert_eq!((found.outcome, found.quarantine), (Some(Outcome::Quarantined), Some(reason)));
}

async fn a_sound_row_is_kept_in_columns(world: World) {
    let submission = world.phone("+14155550132");
    world.store.quarantine_alone(submission.clone(), QuarantineReason::Crashed).await.unwrap();
    let record = world.store.submission(world.organization.id, submission.id).await.unwrap().unwrap();
    assert_eq!(record.submission, submission);
    // It took no claim: the same phone makes a lead.
    let next = world.commit(&[world.phone("+14155550132")]).await;
    assert_eq!(next.settled[0].outcome, Outcome::Created);
    // A commit of the same submission is a redelivery.
    assert_eq!(world.commit(&[submission]).await.repeated, 1);
}

async fn a_panic_of_the_judge_stores_nothing_and_harms_nobody(world: World) {
    let submission = world.phone("+14155550132");
    // More often than there are connections: none may stay away, or come back in a transaction.
    for _ in 0..20 {
        let batch = vec![world.normalize(submission.clone())];
        let judge = Hooked::judge(world.judge(), |_| panic!("the judge is unwell"));
        let error = world.store.commit(batch, judge).await.unwrap_err();
        assert_eq!(error, StoreError::Panicked);
    }
    assert_eq!(world.stored().await, []);
    let committed = world.commit(&[submission]).await;
    assert_eq!(committed.settled[0].outcome, Outcome::Created);
}

async fn attempts_are_counted_and_forgotten(world: World) {
    let (one, two) = (world.phone("+14155550132").id, world.phone("+14155550132").id);
    for attempt in 1..=3 {
        assert_eq!(world.store.begin_attempt(one).await.unwrap(), attempt);
    }
    assert_eq!(world.store.begin_attempt(two).await.unwrap(), 1);
    world.store.forget_attempts(vec![one]).await.unwrap();
    assert_eq!(world.store.begin_attempt(one).await.unwrap(), 1);
    assert_eq!(world.store.begin_attempt(two).await.unwrap(), 2);
}
