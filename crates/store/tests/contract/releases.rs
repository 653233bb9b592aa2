//! Releases from the quarantine. A released submission goes through the queue and is committed once.

use std::sync::Arc;
use std::time::Duration;

use leadgate_domain::mapping::{MappingFault, MappingFaultCode};
use leadgate_domain::{
    ActiveScoring, BodyHash, Outcome, Patch, QuarantineReason, QuarantineRelease, RawBody, Submission,
    SubmissionId, Timestamp,
};
use leadgate_store::{QuarantineEntry, QuarantineState, SubmissionRecord};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::commit::with_body;
use crate::world::{World, over_both};

over_both!(
    a_released_submission_creates_its_lead,
    a_repeated_release_has_one_effect,
    concurrent_releases_have_one_effect,
    a_release_that_fails_reopens_its_entry,
    a_submission_with_a_reused_id_is_released_with_a_new_id,
    a_release_that_crashes_the_worker_is_quarantined_again,
    a_submission_that_does_not_fit_the_columns_can_be_released,
    a_discarded_or_unknown_entry_is_not_released,
    another_organization_cannot_release_an_entry,
    a_batch_may_contain_new_repeated_and_released_submissions,
);

/// A submission to which its mapping could not be applied.
pub(crate) fn unmappable(world: &World, phone: &str) -> Submission {
    let fault = MappingFault { to: "phone".into(), code: MappingFaultCode::Missing };
    Submission { mapping_version: Some(1), mapping_fault: Some(fault), ..world.phone(phone) }
}

/// The same submission after the mapping was repaired, in the `nth` release.
pub(crate) fn released(submission: &Submission, entry: Uuid, nth: u64) -> Submission {
    let released_at = submission.received_at.plus(Duration::from_secs(nth));
    Submission {
        id: SubmissionId::from_uuid(entry),
        mapping_version: Some(2),
        mapping_fault: None,
        release: Some(QuarantineRelease { entry, released_at }),
        ..submission.clone()
    }
}

/// The same submission, released with its fault.
fn released_unrepaired(submission: &Submission, nth: u64) -> Submission {
    let Submission { mapping_version, mapping_fault, .. } = submission.clone();
    Submission { mapping_version, mapping_fault, ..released(submission, submission.id.as_uuid(), nth) }
}

async fn record(world: &World, id: SubmissionId) -> SubmissionRecord {
    world.store.submission(world.organization.id, id).await.unwrap().unwrap()
}

fn outcomes(record: &SubmissionRecord) -> Vec<(i32, Outcome)> {
    record.outcomes.iter().map(|outcome| (outcome.revision, outcome.outcome)).collect()
}

async fn entry(world: &World, id: Uuid) -> QuarantineEntry {
    world.store.quarantine_entry(world.organization.id, id).await.unwrap().unwrap().0
}

async fn a_released_submission_creates_its_lead(world: World) {
    let submission = unmappable(&world, "+14155550132");
    let kept = world.commit(std::slice::from_ref(&submission)).await;
    assert_eq!(kept.settled[0].quarantine, Some(QuarantineReason::MappingFailed));
    let trace = &record(&world, submission.id).await.outcomes[0].trace;
    let expected =
        serde_json::json!({"quarantined": "mapping_failed", "mapping": {"to": "phone", "code": "missing"}});
    assert_eq!(serde_json::json!(trace)["normalize"], expected);

    let release = released(&submission, submission.id.as_uuid(), 1);
    let created = world.commit(std::slice::from_ref(&release)).await;
    assert_eq!((created.settled[0].outcome, created.settled[0].quarantine), (Outcome::Created, None));
    assert_eq!((created.settled[0].lead, created.repeated), (Some(submission.id.into()), 0));
    let after = record(&world, submission.id).await;
    assert_eq!(after.submission, submission, "the stored submission does not change");
    assert_eq!(outcomes(&after), [(1, Outcome::Quarantined), (2, Outcome::Created)]);
    let found = world.store.find(world.organization.id, submission.id.as_uuid()).await.unwrap().unwrap();
    assert_eq!((found.outcome, found.quarantine), (Some(Outcome::Created), None));
    assert_eq!(found.lead.unwrap().e164(), Some("+14155550132"));
    let entry = entry(&world, submission.id.as_uuid()).await;
    assert_eq!(entry.state, QuarantineState::Released);
    assert_eq!(entry.settled_at, release.release.map(|release| release.released_at));
    // It has claims like any other submission.
    let next = world.commit(&[world.phone("+14155550132")]).await;
    assert_eq!(
        (next.settled[0].outcome, next.settled[0].lead),
        (Outcome::Duplicate, created.settled[0].lead)
    );
}

async fn a_repeated_release_has_one_effect(world: World) {
    let submission = unmappable(&world, "+14155550132");
    world.commit(std::slice::from_ref(&submission)).await;
    let release = |nth| released(&submission, submission.id.as_uuid(), nth);
    let first = world.commit(&[release(1), release(2), release(1)]).await;
    assert_eq!((first.settled.len(), first.repeated), (1, 2));
    for again in [release(1), release(2), release(3), submission.clone()] {
        let again = world.commit(&[again]).await;
        assert_eq!((again.settled.len(), again.repeated, again.reused), (0, 1, 0));
    }
    assert_eq!(record(&world, submission.id).await.outcomes.len(), 2);
}

async fn concurrent_releases_have_one_effect(world: World) {
    let submissions: Vec<_> = (0..10).map(|n| unmappable(&world, &format!("+1415555013{n}"))).collect();
    world.commit(&submissions).await;
    let world = Arc::new(world);
    let mut tasks = JoinSet::new();
    for task in 0..8_u8 {
        let (world, mut submissions) = (Arc::clone(&world), submissions.clone());
        tasks.spawn(async move {
            submissions.rotate_left(task.into());
            let batch: Vec<_> =
                submissions.iter().map(|item| released(item, item.id.as_uuid(), task.into())).collect();
            world.commit(&batch).await.settled.len()
        });
    }
    assert_eq!(tasks.join_all().await.into_iter().sum::<usize>(), 10);
    for submission in submissions {
        let record = record(&world, submission.id).await;
        assert_eq!(outcomes(&record), [(1, Outcome::Quarantined), (2, Outcome::Created)]);
    }
}

async fn a_release_that_fails_reopens_its_entry(world: World) {
    let submission = unmappable(&world, "+14155550132");
    world.commit(std::slice::from_ref(&submission)).await;
    let first = world.normalize(released_unrepaired(&submission, 1));
    let again = world.store.commit(vec![first.clone()], world.judge()).await.unwrap();
    assert_eq!(again.settled[0].quarantine, Some(QuarantineReason::MappingFailed));
    let reopened = entry(&world, submission.id.as_uuid()).await;
    assert_eq!((reopened.state, reopened.reason), (QuarantineState::Open, QuarantineReason::MappingFailed));
    assert_eq!(
        reopened.settled_at,
        Some(submission.received_at.plus(Duration::from_secs(1))),
        "the time of the release stays"
    );

    // The first release is delivered again. It is not a new attempt.
    let redelivered = world.store.commit(vec![first], world.judge()).await.unwrap();
    assert_eq!((redelivered.settled.len(), redelivered.repeated), (0, 1));
    assert_eq!(record(&world, submission.id).await.outcomes.len(), 2);

    // The source was deleted meanwhile: the entry gets another reason.
    let without_source = world.pipeline.normalize(
        released(&submission, submission.id.as_uuid(), 2),
        None,
        ActiveScoring::standard(),
    );
    world.store.commit(vec![without_source], world.judge()).await.unwrap();
    let reopened = entry(&world, submission.id.as_uuid()).await;
    assert_eq!((reopened.state, reopened.reason), (QuarantineState::Open, QuarantineReason::SourceGone));

    let repaired = world.commit(&[released(&submission, submission.id.as_uuid(), 3)]).await;
    assert_eq!(repaired.settled[0].outcome, Outcome::Created);
    use Outcome::{Created, Quarantined};
    let all = outcomes(&record(&world, submission.id).await);
    assert_eq!(all, [(1, Quarantined), (2, Quarantined), (3, Quarantined), (4, Created)]);
}

async fn a_submission_with_a_reused_id_is_released_with_a_new_id(world: World) {
    let first = world.phone("+14155550132");
    let mut second = with_body(&first, b"another");
    second.fields.phone = Patch::Value("+14155550133".into());
    world.commit(&[first.clone(), second.clone()]).await;
    let page = world.store.quarantine_entries(world.organization.id, None, None, 10).await.unwrap();
    let (quarantined, content) =
        world.store.quarantine_entry(world.organization.id, page.data[0].id).await.unwrap().unwrap();
    assert_eq!((quarantined.reason, quarantined.submission), (QuarantineReason::IdReused, first.id));
    assert_eq!(content, second);
    let own = SubmissionId::from_uuid(quarantined.id);
    assert_ne!(own, first.id);

    // The first release fails, the second one creates a lead. The submission is inserted once.
    let without_source =
        world.pipeline.normalize(released(&second, quarantined.id, 1), None, ActiveScoring::standard());
    let failed = world.store.commit(vec![without_source], world.judge()).await.unwrap();
    assert_eq!(failed.settled[0].quarantine, Some(QuarantineReason::SourceGone));
    assert_eq!(entry(&world, quarantined.id).await.state, QuarantineState::Open);
    let created = world.commit(&[released(&second, quarantined.id, 2)]).await;
    assert_eq!((created.settled[0].submission, created.settled[0].outcome), (own, Outcome::Created));
    let after = record(&world, own).await;
    assert_eq!(outcomes(&after), [(1, Outcome::Quarantined), (2, Outcome::Created)]);
    assert_eq!((&after.submission.raw, after.submission.release), (&second.raw, None));
    assert_eq!(after.quarantine[0].state, QuarantineState::Released);
    assert_eq!(record(&world, first.id).await.submission, first, "the first submission does not change");
    assert_eq!(record(&world, first.id).await.outcomes.len(), 1);

    // The submission with the reused id and its releases are still recognized.
    let again = world
        .commit(&[second.clone(), released(&second, quarantined.id, 2), released(&second, quarantined.id, 3)])
        .await;
    assert_eq!((again.settled.len(), again.repeated, again.reused), (0, 3, 0));
}

async fn a_release_that_crashes_the_worker_is_quarantined_again(world: World) {
    let submission = unmappable(&world, "+14155550132");
    world.commit(std::slice::from_ref(&submission)).await;
    let release = released(&submission, submission.id.as_uuid(), 1);
    let crashed = QuarantineReason::Crashed;
    let kept = world.store.quarantine_alone(release.clone(), crashed).await.unwrap();
    assert_eq!((kept.settled[0].outcome, kept.settled[0].quarantine), (Outcome::Quarantined, Some(crashed)));
    let again = world.store.quarantine_alone(release.clone(), crashed).await.unwrap();
    assert_eq!((again.settled.len(), again.repeated, again.reused), (0, 1, 0));
    assert_eq!(world.commit(&[release]).await.repeated, 1);
    let reopened = entry(&world, submission.id.as_uuid()).await;
    assert_eq!((reopened.state, reopened.reason), (QuarantineState::Open, crashed));
    let all = outcomes(&record(&world, submission.id).await);
    assert_eq!(all, [(1, Outcome::Quarantined), (2, Outcome::Quarantined)]);
}

async fn a_submission_that_does_not_fit_the_columns_can_be_released(world: World) {
    let first = world.phone("+14155550132");
    let mut second = with_body(&first, b"another");
    second.raw = RawBody::Text("a\0b".into());
    second.fields.phone = Patch::Value("+1415\x00555".into());
    world.commit(std::slice::from_ref(&first)).await;
    let refused = QuarantineReason::RowRefused;
    assert_eq!(world.store.quarantine_alone(second.clone(), refused).await.unwrap().reused, 1);
    let page = world.store.quarantine_entries(world.organization.id, None, None, 10).await.unwrap();
    let id = page.data[0].id;
    let kept = world.store.quarantine_alone(released(&second, id, 1), refused).await.unwrap();
    assert_eq!(kept.settled[0].submission, SubmissionId::from_uuid(id));
    let after = record(&world, SubmissionId::from_uuid(id)).await;
    assert_eq!((&after.submission.raw, after.submission.release), (&second.raw, None));
    assert_eq!(entry(&world, id).await.reason, refused);

    let mut repaired = released(&second, id, 2);
    (repaired.raw, repaired.fields.phone) = (RawBody::new(b"a b"), Patch::Value("+14155550133".into()));
    assert_eq!(world.commit(&[repaired]).await.settled[0].outcome, Outcome::Created);
}

async fn a_discarded_or_unknown_entry_is_not_released(world: World) {
    let (submission, unknown) = (unmappable(&world, "+14155550132"), unmappable(&world, "+14155550133"));
    let with_lead = world.phone("+14155550134");
    world.commit(&[submission.clone(), with_lead.clone()]).await;
    let id = submission.id.as_uuid();
    world.store.discard(world.organization.id, id, "ann", None).await.unwrap().unwrap();
    let batch = [&submission, &unknown, &with_lead]
        .map(|item| Submission { ..released(item, item.id.as_uuid(), 1_000_000_000) });
    let committed = world.commit(&batch).await;
    assert_eq!((committed.settled.len(), committed.repeated), (0, 3));
    let alone = world.store.quarantine_alone(batch[0].clone(), QuarantineReason::Crashed).await.unwrap();
    assert_eq!((alone.settled.len(), alone.repeated), (0, 1));
    assert_eq!(entry(&world, id).await.state, QuarantineState::Discarded);
    assert_eq!(record(&world, submission.id).await.outcomes.len(), 1);
    assert_eq!(world.stored_submissions().await.len(), 2);
}

async fn another_organization_cannot_release_an_entry(world: World) {
    let submission = unmappable(&world, "+14155550132");
    world.commit(std::slice::from_ref(&submission)).await;
    let other = world.store.ensure_organization("other").await.unwrap().id;
    let theirs = Submission { organization: other, ..released(&submission, submission.id.as_uuid(), 1) };
    let committed = world.commit(std::slice::from_ref(&theirs)).await;
    assert_eq!((committed.settled.len(), committed.repeated), (0, 1));
    assert_eq!(entry(&world, submission.id.as_uuid()).await.state, QuarantineState::Open);

    // A release with the entry of another submission is ignored. The submission is processed as a new one.
    let mut wrong_entry = world.phone("+14155550133");
    wrong_entry.release = theirs.release;
    let committed = world.commit(std::slice::from_ref(&wrong_entry)).await;
    assert_eq!(committed.settled[0].outcome, Outcome::Created);
    assert_eq!(record(&world, wrong_entry.id).await.submission.release, None);
    assert_eq!(entry(&world, submission.id.as_uuid()).await.state, QuarantineState::Open);
}

async fn a_batch_may_contain_new_repeated_and_released_submissions(world: World) {
    let quarantined: Vec<_> = (0..3).map(|n| unmappable(&world, &format!("+1415555013{n}"))).collect();
    let stored = world.phone("+14155550140");
    world.commit(&quarantined).await;
    world.commit(std::slice::from_ref(&stored)).await;
    let new = world.phone("+14155550141");
    let duplicate = world.phone("+14155550130");
    let release = |submission: &Submission| released(submission, submission.id.as_uuid(), 1);
    let batch = [
        duplicate.clone(),
        new.clone(),
        stored.clone(),
        with_body(&stored, b"another"),
        release(&quarantined[2]),
        quarantined[2].clone(),
        release(&quarantined[0]),
        release(&quarantined[0]),
        released_unrepaired(&quarantined[1], 1),
    ];
    let committed = world.commit(&batch).await;
    assert_eq!((committed.settled.len(), committed.repeated, committed.reused), (5, 3, 1));
    let settled = |id| committed.settled.iter().find(|settled| settled.submission == id).unwrap();
    assert_eq!(settled(quarantined[0].id).outcome, Outcome::Created);
    assert_eq!(settled(quarantined[1].id).outcome, Outcome::Quarantined);
    assert_eq!(settled(quarantined[2].id).outcome, Outcome::Created);
    // It was received later than the released submission.
    assert_eq!(
        (settled(duplicate.id).outcome, settled(duplicate.id).lead),
        (Outcome::Duplicate, Some(quarantined[0].id.into()))
    );
    let open = QuarantineState::Open;
    let left =
        world.store.quarantine_entries(world.organization.id, Some(open), None, 10).await.unwrap().data;
    let left: Vec<_> = left.iter().map(|entry| entry.submission).collect();
    assert_eq!(left, [stored.id, quarantined[1].id]);
    assert!(Timestamp::now() > stored.received_at && BodyHash::compute(b"another") != stored.body_hash);
}
