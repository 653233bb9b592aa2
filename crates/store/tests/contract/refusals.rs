//! What a database refuses, and what breaks in the middle.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use leadgate_domain::{
    Claim, ClaimKey, Effects, Judge, Lead, Normalized, Outcome, QuarantineReason, Raw, Resolution,
    Submission, SuppressionKey, Suppressions,
};
use leadgate_store::StoreError;

use crate::world::{World, over_both};

over_both!(
    a_refused_row_takes_its_batch_with_it_and_nothing_else,
    a_refused_row_is_kept_whole,
    a_sound_row_is_kept_in_columns,
    a_panic_of_the_judge_stores_nothing_and_harms_nobody,
    attempts_are_counted_and_forgotten,
);

const CLASHING: &str = "+14155550190";

/// Judges as the pipeline does, but gives one lead the id of a stored one: what passes the validator is not
/// refused for its values.
struct Clashing(Arc<dyn Judge>, Submission);

impl Judge for Clashing {
    fn resolve<'b>(&self, fresh: Vec<&'b Normalized>, claims: BTreeMap<ClaimKey, Claim>) -> Resolution<'b> {
        self.0.resolve(fresh, claims)
    }

    fn watched(&self, resolution: &Resolution<'_>, leads: &[Lead]) -> BTreeSet<SuppressionKey> {
        self.0.watched(resolution, leads)
    }

    fn judge<'b>(&self, resolution: Resolution<'b>, leads: Vec<Lead>, list: &Suppressions) -> Effects<'b> {
        let mut effects = self.0.judge(resolution, leads, list);
        for lead in effects.created.iter_mut().filter(|lead| lead.e164() == Some(CLASHING)) {
            lead.id = self.1.id.into();
        }
        effects
    }

    fn reassess(&self, leads: Vec<Lead>, list: &Suppressions) -> Vec<Lead> {
        self.0.reassess(leads, list)
    }

    fn watched_by(&self, leads: &[Lead]) -> BTreeSet<SuppressionKey> {
        self.0.watched_by(leads)
    }
}

async fn a_refused_row_takes_its_batch_with_it_and_nothing_else(world: World) {
    let stored = world.phone("+14155550132");
    world.commit(std::slice::from_ref(&stored)).await;
    let sound = world.phone("+14155550133");
    let batch = vec![world.normalize(sound.clone()), world.normalize(world.phone(CLASHING))];
    let judge = Arc::new(Clashing(world.judge(), stored.clone()));
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
    submission.fields.phone = leadgate_domain::Said::Value("+1415\x00555".into());
    submission.raw = Raw::Text("a\0b".into());
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

struct Panicking;

impl Judge for Panicking {
    fn resolve<'b>(&self, _: Vec<&'b Normalized>, _: BTreeMap<ClaimKey, Claim>) -> Resolution<'b> {
        panic!("the judge is unwell")
    }

    fn watched(&self, _: &Resolution<'_>, _: &[Lead]) -> BTreeSet<SuppressionKey> {
        BTreeSet::new()
    }

    fn judge<'b>(&self, _: Resolution<'b>, _: Vec<Lead>, _: &Suppressions) -> Effects<'b> {
        Effects::default()
    }

    fn reassess(&self, leads: Vec<Lead>, _: &Suppressions) -> Vec<Lead> {
        leads
    }

    fn watched_by(&self, _: &[Lead]) -> BTreeSet<SuppressionKey> {
        BTreeSet::new()
    }
}

async fn a_panic_of_the_judge_stores_nothing_and_harms_nobody(world: World) {
    let submission = world.phone("+14155550132");
    // More often than there are connections: none may stay away, or come back in a transaction.
    for _ in 0..20 {
        let batch = vec![world.normalize(submission.clone())];
        let error = world.store.commit(batch, Arc::new(Panicking)).await.unwrap_err();
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
