//! What comes out of the quarantine: through the queue, judged like all others, once.

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
    a_released_submission_makes_its_lead,
    a_release_has_one_effect_however_often_it_comes,
    releases_at_once_have_one_effect,
    what_fails_again_is_open_again_until_a_later_release,
    what_came_under_the_id_of_another_is_released_under_its_own,
    a_release_that_breaks_the_worker_is_kept_aside_again,
    what_no_column_takes_is_released_and_kept_whole_again,
    what_was_discarded_or_never_here_is_not_released,
    nobody_releases_for_others,
    a_batch_may_hold_everything_at_once,
);

/// A submission that its mapping could not be applied to.
pub(crate) fn faulty(world: &World, phone: &str) -> Submission {
    let fault = MappingFault { to: "phone".into(), code: MappingFaultCode::Missing };
    Submission { mapping_version: Some(1), mapping_fault: Some(fault), ..world.phone(phone) }
}

/// The same after somebody mended the mapping and released it as the `nth`.
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

/// Released as it came, with its fault.
fn unmended(submission: &Submission, nth: u64) -> Submission {
    let Submission { mapping_version, mapping_fault, .. } = submission.clone();
    Submission { mapping_version, mapping_fault, ..released(submission, submission.id.as_uuid(), nth) }
}

async fn record(world: &World, id: SubmissionId) -> SubmissionRecord {
    world.store.submission(world.organization.id, id).await.unwrap().unwrap()
}

fn outcomes(record: &SubmissionRecord) -> Vec<(i32, Outcome)> {
    record.outcomes.iter().map(|one| (one.revision, one.outcome)).collect()
}

async fn entry(world: &World, id: Uuid) -> QuarantineEntry {
    world.store.quarantine_entry(world.organization.id, id).await.unwrap().unwrap().0
}

async fn a_released_submission_makes_its_lead(world: World) {
    let submission = faulty(&world, "+14155550132");
    let kept = world.commit(std::slice::from_ref(&submission)).await;
    assert_eq!(kept.settled[0].quarantine, Some(QuarantineReason::MappingFailed));
    let trace = &record(&world, submission.id).await.outcomes[0].trace;
    let why =
        serde_json::json!({"quarantined": "mapping_failed", "mapping": {"to": "phone", "code": "missing"}});
    assert_eq!(serde_json::json!(trace)["normalize"], why);

    let release = released(&submission, submission.id.as_uuid(), 1);
    let made = world.commit(std::slice::from_ref(&release)).await;
    assert_eq!((made.settled[0].outcome, made.settled[0].quarantine), (Outcome::Created, None));
    assert_eq!((made.settled[0].lead, made.repeated), (Some(submission.id.into()), 0));
    let after = record(&world, submission.id).await;
    assert_eq!(after.submission, submission, "what somebody sent never changes");
    assert_eq!(outcomes(&after), [(1, Outcome::Quarantined), (2, Outcome::Created)]);
    let found = world.store.find(world.organization.id, submission.id.as_uuid()).await.unwrap().unwrap();
    assert_eq!((found.outcome, found.quarantine), (Some(Outcome::Created), None));
    assert_eq!(found.lead.unwrap().e164(), Some("+14155550132"));
    let entry = entry(&world, submission.id.as_uuid()).await;
    assert_eq!(entry.state, QuarantineState::Released);
    assert_eq!(entry.settled_at, release.release.map(|release| release.released_at));
    // It holds its claims like any other.
    let next = world.commit(&[world.phone("+14155550132")]).await;
    assert_eq!((next.settled[0].outcome, next.settled[0].lead), (Outcome::Duplicate, made.settled[0].lead));
}

async fn a_release_has_one_effect_however_often_it_comes(world: World) {
    let submission = faulty(&world, "+14155550132");
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

async fn releases_at_once_have_one_effect(world: World) {
    let submissions: Vec<_> = (0..10).map(|n| faulty(&world, &format!("+1415555013{n}"))).collect();
    world.commit(&submissions).await;
    let world = Arc::new(world);
    let mut tasks = JoinSet::new();
    for task in 0..8_u8 {
        let (world, mut submissions) = (Arc::clone(&world), submissions.clone());
        tasks.spawn(async move {
            submissions.rotate_left(task.into());
            let batch: Vec<_> =
                submissions.iter().map(|one| released(one, one.id.as_uuid(), task.into())).collect();
            world.commit(&batch).await.settled.len()
        });
    }
    assert_eq!(tasks.join_all().await.into_iter().sum::<usize>(), 10);
    for one in submissions {
        let record = record(&world, one.id).await;
        assert_eq!(outcomes(&record), [(1, Outcome::Quarantined), (2, Outcome::Created)]);
    }
}

async fn what_fails_again_is_open_again_until_a_later_release(world: World) {
    let submission = faulty(&world, "+14155550132");
    world.commit(std::slice::from_ref(&submission)).await;
    let first = world.normalize(unmended(&submission, 1));
    let again = world.store.commit(vec![first.clone()], world.judge()).await.unwrap();
    assert_eq!(again.settled[0].quarantine, Some(QuarantineReason::MappingFailed));
    let reopened = entry(&world, submission.id.as_uuid()).await;
    assert_eq!((reopened.state, reopened.reason), (QuarantineState::Open, QuarantineReason::MappingFailed));
    assert_eq!(
        reopened.settled_at,
        Some(submission.received_at.plus(Duration::from_secs(1))),
        "it came back"
    );

    // The first release comes once more: nobody asked for another try.
    let redelivered = world.store.commit(vec![first], world.judge()).await.unwrap();
    assert_eq!((redelivered.settled.len(), redelivered.repeated), (0, 1));
    assert_eq!(record(&world, submission.id).await.outcomes.len(), 2);

    // Its source is gone meanwhile: another reason.
    let gone = world.pipeline.normalize(
        released(&submission, submission.id.as_uuid(), 2),
        None,
        ActiveScoring::standard(),
    );
    world.store.commit(vec![gone], world.judge()).await.unwrap();
    let reopened = entry(&world, submission.id.as_uuid()).await;
    assert_eq!((reopened.state, reopened.reason), (QuarantineState::Open, QuarantineReason::SourceGone));

    let mended = world.commit(&[released(&submission, submission.id.as_uuid(), 3)]).await;
    assert_eq!(mended.settled[0].outcome, Outcome::Created);
    use Outcome::{Created, Quarantined};
    let all = outcomes(&record(&world, submission.id).await);
    assert_eq!(all, [(1, Quarantined), (2, Quarantined), (3, Quarantined), (4, Created)]);
}

async fn what_came_under_the_id_of_another_is_released_under_its_own(world: World) {
    let first = world.phone("+14155550132");
    let mut second = with_body(&first, b"another");
    second.fields.phone = Patch::Value("+14155550133".into());
    world.commit(&[first.clone(), second.clone()]).await;
    let page = world.store.quarantine_entries(world.organization.id, None, None, 10).await.unwrap();
    let (aside, came) =
        world.store.quarantine_entry(world.organization.id, page.data[0].id).await.unwrap().unwrap();
    assert_eq!((aside.reason, aside.submission), (QuarantineReason::IdReused, first.id));
    assert_eq!(came, second);
    let own = SubmissionId::from_uuid(aside.id);
    assert_ne!(own, first.id);

    // At first it fails, then it makes a lead: the row is made once.
    let gone = world.pipeline.normalize(released(&second, aside.id, 1), None, ActiveScoring::standard());
    let gone = world.store.commit(vec![gone], world.judge()).await.unwrap();
    assert_eq!(gone.settled[0].quarantine, Some(QuarantineReason::SourceGone));
    assert_eq!(entry(&world, aside.id).await.state, QuarantineState::Open);
    let made = world.commit(&[released(&second, aside.id, 2)]).await;
    assert_eq!((made.settled[0].submission, made.settled[0].outcome), (own, Outcome::Created));
    let after = record(&world, own).await;
    assert_eq!(outcomes(&after), [(1, Outcome::Quarantined), (2, Outcome::Created)]);
    assert_eq!((&after.submission.raw, after.submission.release), (&second.raw, None));
    assert_eq!(after.quarantine[0].state, QuarantineState::Released);
    assert_eq!(record(&world, first.id).await.submission, first, "the first one is untouched");
    assert_eq!(record(&world, first.id).await.outcomes.len(), 1);

    // What came under the taken id is still known, and so are its releases.
    let again =
        world.commit(&[second.clone(), released(&second, aside.id, 2), released(&second, aside.id, 3)]).await;
    assert_eq!((again.settled.len(), again.repeated, again.reused), (0, 3, 0));
}

async fn a_release_that_breaks_the_worker_is_kept_aside_again(world: World) {
    let submission = faulty(&world, "+14155550132");
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

async fn what_no_column_takes_is_released_and_kept_whole_again(world: World) {
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

    let mut mended = released(&second, id, 2);
    (mended.raw, mended.fields.phone) = (RawBody::new(b"a b"), Patch::Value("+14155550133".into()));
    assert_eq!(world.commit(&[mended]).await.settled[0].outcome, Outcome::Created);
}

async fn what_was_discarded_or_never_here_is_not_released(world: World) {
    let (submission, never) = (faulty(&world, "+14155550132"), faulty(&world, "+14155550133"));
    let made = world.phone("+14155550134");
    world.commit(&[submission.clone(), made.clone()]).await;
    let id = submission.id.as_uuid();
    world.store.discard(world.organization.id, id, "ann", None).await.unwrap().unwrap();
    let batch = [&submission, &never, &made]
        .map(|one| Submission { ..released(one, one.id.as_uuid(), 1_000_000_000) });
    let committed = world.commit(&batch).await;
    assert_eq!((committed.settled.len(), committed.repeated), (0, 3));
    let alone = world.store.quarantine_alone(batch[0].clone(), QuarantineReason::Crashed).await.unwrap();
    assert_eq!((alone.settled.len(), alone.repeated), (0, 1));
    assert_eq!(entry(&world, id).await.state, QuarantineState::Discarded);
    assert_eq!(record(&world, submission.id).await.outcomes.len(), 1);
    assert_eq!(world.stored().await.len(), 2);
}

async fn nobody_releases_for_others(world: World) {
    let submission = faulty(&world, "+14155550132");
    world.commit(std::slice::from_ref(&submission)).await;
    let other = world.store.ensure_organization("other").await.unwrap().id;
    let theirs = Submission { organization: other, ..released(&submission, submission.id.as_uuid(), 1) };
    let committed = world.commit(std::slice::from_ref(&theirs)).await;
    assert_eq!((committed.settled.len(), committed.repeated), (0, 1));
    assert_eq!(entry(&world, submission.id.as_uuid()).await.state, QuarantineState::Open);

    // A release that names somebody else's entry is none: what came with it is taken as it came.
    let mut muddled = world.phone("+14155550133");
    muddled.release = theirs.release;
    let committed = world.commit(std::slice::from_ref(&muddled)).await;
    assert_eq!(committed.settled[0].outcome, Outcome::Created);
    assert_eq!(record(&world, muddled.id).await.submission.release, None);
    assert_eq!(entry(&world, submission.id.as_uuid()).await.state, QuarantineState::Open);
}

async fn a_batch_may_hold_everything_at_once(world: World) {
    let aside: Vec<_> = (0..3).map(|n| faulty(&world, &format!("+1415555013{n}"))).collect();
    let stored = world.phone("+14155550140");
    world.commit(&aside).await;
    world.commit(std::slice::from_ref(&stored)).await;
    let new = world.phone("+14155550141");
    let meets = world.phone("+14155550130");
    let release = |one: &Submission| released(one, one.id.as_uuid(), 1);
    let batch = [
        meets.clone(),
        new.clone(),
        stored.clone(),
        with_body(&stored, b"another"),
        release(&aside[2]),
        aside[2].clone(),
        release(&aside[0]),
        release(&aside[0]),
        unmended(&aside[1], 1),
    ];
    let committed = world.commit(&batch).await;
    assert_eq!((committed.settled.len(), committed.repeated, committed.reused), (5, 3, 1));
    let ended = |id| committed.settled.iter().find(|settled| settled.submission == id).unwrap();
    assert_eq!(ended(aside[0].id).outcome, Outcome::Created);
    assert_eq!(ended(aside[1].id).outcome, Outcome::Quarantined);
    assert_eq!(ended(aside[2].id).outcome, Outcome::Created);
    // It was received later than what was released.
    assert_eq!(
        (ended(meets.id).outcome, ended(meets.id).lead),
        (Outcome::Duplicate, Some(aside[0].id.into()))
    );
    let open = QuarantineState::Open;
    let left =
        world.store.quarantine_entries(world.organization.id, Some(open), None, 10).await.unwrap().data;
    let left: Vec<_> = left.iter().map(|entry| entry.submission).collect();
    assert_eq!(left, [stored.id, aside[1].id]);
    assert!(Timestamp::now() > stored.received_at && BodyHash::of(b"another") != stored.body_hash);
}
