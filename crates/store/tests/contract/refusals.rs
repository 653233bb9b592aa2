//! Rows that the database refuses, and panics during a commit.

use leadgate_domain::{Outcome, QuarantineReason, RawBody};
use leadgate_store::StoreError;

use crate::hooked_judge::HookedJudge;
use crate::world::{World, over_both};

over_both!(
    a_refused_row_rolls_back_its_batch,
    a_refused_row_is_quarantined_completely,
    a_storable_submission_is_quarantined_in_columns,
    a_panic_of_the_judge_rolls_back_and_keeps_the_pool_usable,
    attempts_are_counted_and_deleted,
);

const CLASHING: &str = "+14155550190";

async fn a_refused_row_rolls_back_its_batch(world: World) {
    let stored = world.phone("+14155550132");
    world.commit(std::slice::from_ref(&stored)).await;
    let storable = world.phone("+14155550133");
    let batch = vec![world.normalize(storable.clone()), world.normalize(world.phone(CLASHING))];
    // The database stores all values that pass the validator. So the test gives one lead the id of a stored
    // one.
    let used_id = stored.id.into();
    let judge = HookedJudge::judge(world.judge(), move |changes| {
        changes
            .created
            .iter_mut()
            .filter(|lead| lead.e164() == Some(CLASHING))
            .for_each(|lead| lead.id = used_id);
    });
    let error = world.store.commit(batch, judge).await.unwrap_err();
    let StoreError::RowRefused { code, constraint } = &error else { panic!("{error:?}") };
    assert!(["23505", "SQLITE_CONSTRAINT_UNIQUE"].contains(&code.as_str()), "{code}");
    assert!(constraint.as_ref().is_some_and(|name| name.contains("leads")), "{constraint:?}");
    assert!(!error.to_string().contains("+1415"), "{error}");
    assert_eq!(world.stored_submissions().await.len(), 1, "nothing of the batch is stored");
    // The claims of the batch are not stored either: the other submission creates its lead.
    let retried = world.commit(std::slice::from_ref(&storable)).await;
    assert_eq!(retried.settled[0].outcome, Outcome::Created);
}

async fn a_refused_row_is_quarantined_completely(world: World) {
    let mut submission = world.phone("+14155550132");
    // Gateways refuse a NUL. PostgreSQL stores it neither in text nor in JSON.
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

async fn a_storable_submission_is_quarantined_in_columns(world: World) {
    let submission = world.phone("+14155550132");
    world.store.quarantine_alone(submission.clone(), QuarantineReason::Crashed).await.unwrap();
    let record = world.store.submission(world.organization.id, submission.id).await.unwrap().unwrap();
    assert_eq!(record.submission, submission);
    // It has no claim: the same phone creates a lead.
    let next = world.commit(&[world.phone("+14155550132")]).await;
    assert_eq!(next.settled[0].outcome, Outcome::Created);
    // A commit of the same submission is a redelivery.
    assert_eq!(world.commit(&[submission]).await.repeated, 1);
}

async fn a_panic_of_the_judge_rolls_back_and_keeps_the_pool_usable(world: World) {
    let submission = world.phone("+14155550132");
    // Repeated more often than there are connections: each one must return to the pool without an open
    // transaction.
    for _ in 0..20 {
        let batch = vec![world.normalize(submission.clone())];
        let judge = HookedJudge::judge(world.judge(), |_| panic!("a panic of the judge"));
        let error = world.store.commit(batch, judge).await.unwrap_err();
        assert_eq!(error, StoreError::Panicked);
    }
    assert_eq!(world.stored_submissions().await, []);
    let committed = world.commit(&[submission]).await;
    assert_eq!(committed.settled[0].outcome, Outcome::Created);
}

async fn attempts_are_counted_and_deleted(world: World) {
    let (first, second) = (world.phone("+14155550132").id, world.phone("+14155550132").id);
    for attempt in 1..=3 {
        assert_eq!(world.store.count_crash_attempt(first).await.unwrap(), attempt);
    }
    assert_eq!(world.store.count_crash_attempt(second).await.unwrap(), 1);
    world.store.delete_crash_attempts(vec![first]).await.unwrap();
    assert_eq!(world.store.count_crash_attempt(first).await.unwrap(), 1);
    assert_eq!(world.store.count_crash_attempt(second).await.unwrap(), 2);
}
