//! Submissions that were in the queue while their person was erased.

use std::sync::Arc;
use std::time::Duration;

use leadgate_domain::{
    ActiveScoring, ClaimKind, IdentityKey, KeyHash, Outcome, QuarantineReason, Reason, Source, Submission,
    TextField,
};
use leadgate_store::QuarantineState;

use crate::erasure::{EMAIL, PHONE, ann, found_in};
use crate::races::all_leads;
use crate::world::{World, over_both};

over_both!(
    a_queued_submission_of_an_erased_person_is_erased_by_its_commit,
    an_erased_submission_does_not_affect_its_batch,
    a_second_erasure_applies_from_its_own_time,
    a_submission_from_a_gateway_with_a_fast_clock_is_erased,
    an_erased_opt_out_still_applies_to_its_other_contacts,
    a_queued_submission_of_a_missing_source_is_erased,
);

async fn a_queued_submission_of_an_erased_person_is_erased_by_its_commit(world: World) {
    let [late, late_update, back] =
        [(); 3].map(|()| world.received_now(ann(&world, PHONE, EMAIL))).map(|submission| Submission {
            idempotency_key_hash: Some(KeyHash::parse(&"07".repeat(16)).unwrap()),
            ..submission
        });
    world.erase(World::subject(&[PHONE], &[EMAIL])).await;
    let source = world.updating_source().await;
    let update = world.normalize_by(&source, Submission { source: source.id, ..late_update.clone() });
    let committed = world.commit(std::slice::from_ref(&late)).await;
    let updated = world.store.commit(vec![update], world.judge()).await.unwrap();
    for settled in committed.settled.iter().chain(&updated.settled) {
        assert_eq!((settled.outcome, settled.lead), (Outcome::Quarantined, None));
        assert_eq!(settled.quarantine, Some(QuarantineReason::Erased));
    }
    assert_eq!(found_in(&world.dump()), [""; 0]);
    assert_eq!(all_leads(&world).await.len(), 0);
    for submission in [&late, &late_update] {
        let record = world.record(submission).await;
        assert!(record.erased_at.is_some() && record.quarantine[0].state == QuarantineState::Discarded);
    }
    assert_eq!(world.commit(&[late]).await.repeated, 1);

    // A later submission creates a new lead, which is held. The erased one has not used its idempotency key.
    let back = world.after_erasure(back);
    let committed = world.commit(std::slice::from_ref(&back)).await;
    assert_eq!(committed.settled[0].outcome, Outcome::Created);
    let lead = world.store.lead(world.organization.id, back.id.into()).await.unwrap().unwrap();
    assert!(lead.reasons.contains(&Reason::SuppressedPhone));
}

async fn an_erased_submission_does_not_affect_its_batch(world: World) {
    let late = world.received_now(ann(&world, PHONE, EMAIL));
    world.erase(World::subject(&[PHONE], &[])).await;
    let by_email = IdentityKey { kind: ClaimKind::Email, window: None };
    let source =
        Arc::new(Source { identity: vec![by_email], ..world.updating_source().await.as_ref().clone() });
    // It would be a duplicate of the first one, by its email.
    let same = world.received_now(world.eligible("+14155550155", EMAIL));
    let batch = [&late, &same].map(|submission| Submission { source: source.id, ..submission.clone() });
    let batch: Vec<_> = batch.into_iter().map(|submission| world.normalize_by(&source, submission)).collect();
    let committed = world.store.commit(batch, world.judge()).await.unwrap();
    let outcomes: Vec<_> = committed.settled.iter().map(|settled| (settled.outcome, settled.lead)).collect();
    assert_eq!(outcomes, [(Outcome::Quarantined, None), (Outcome::Created, Some(same.id.into()))]);
    assert_eq!(world.record(&late).await.submission.fields, Default::default());
    let lead = world.store.lead(world.organization.id, same.id.into()).await.unwrap().unwrap();
    assert_eq!((lead.e164(), lead.text(TextField::FullName)), (Some("+14155550155"), None));
}

async fn a_second_erasure_applies_from_its_own_time(world: World) {
    world.erase(World::subject(&[PHONE], &[])).await;
    let late = world.received_now(ann(&world, PHONE, ""));
    world.erase(World::subject(&[PHONE], &[])).await;
    assert_eq!(world.commit(&[late]).await.settled[0].quarantine, Some(QuarantineReason::Erased));
    let listed = world.store.suppressions(world.organization.id, None, 10).await.unwrap().data;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].reason.as_deref(), Some("asked by mail"));
}

async fn an_erased_opt_out_still_applies_to_its_other_contacts(world: World) {
    let other = "ann@other.example";
    let mut late = world.received_now(ann(&world, PHONE, other));
    late.fields.opt_out = true;
    let lead = world.eligible("+14155550199", other);
    world.commit(std::slice::from_ref(&lead)).await;
    world.erase(World::subject(&[PHONE], &[])).await;
    let committed = world.commit(std::slice::from_ref(&late)).await;
    assert_eq!(committed.settled[0].quarantine, Some(QuarantineReason::Erased));
    world.store.rescreen(world.organization.id, world.judge(), |_| {}).await.unwrap();
    let lead = world.store.lead(world.organization.id, lead.id.into()).await.unwrap().unwrap();
    assert_eq!(lead.reasons, [Reason::OptedOut]);
    let listed = world.store.suppressions(world.organization.id, None, 10).await.unwrap();
    let values = listed.data.iter().filter_map(|entry| entry.value.as_deref());
    assert_eq!(values.collect::<Vec<_>>(), [other], "of the phone only its key remains");
}

/// A gateway is ready with a clock skew of up to 30 seconds.
async fn a_submission_from_a_gateway_with_a_fast_clock_is_erased(world: World) {
    let ahead = Duration::from_secs(29);
    let late = world.received_now(ann(&world, PHONE, EMAIL));
    let late = Submission { received_at: late.received_at.plus(ahead), ..late };
    world.erase(World::subject(&[PHONE], &[EMAIL])).await;
    let committed = world.commit(std::slice::from_ref(&late)).await;
    assert_eq!(committed.settled[0].quarantine, Some(QuarantineReason::Erased));
    assert_eq!(found_in(&world.dump()), [""; 0]);
}

async fn a_queued_submission_of_a_missing_source_is_erased(world: World) {
    let [by_phone, by_email] =
        [(PHONE, ""), ("", EMAIL)].map(|(phone, email)| world.received_now(ann(&world, phone, email)));
    let other = world.received_now(world.eligible("+14155550155", "bob@acme.example"));
    world.erase(World::subject(&[PHONE], &[EMAIL])).await;
    let without_source =
        |submission: Submission| world.pipeline.normalize(submission, None, ActiveScoring::standard());
    let batch: Vec<_> = [by_phone, by_email, other].into_iter().map(without_source).collect();
    let committed = world.store.commit(batch, world.judge()).await.unwrap();
    let reasons = committed.settled.iter().map(|settled| settled.quarantine.unwrap());
    let (erased, gone) = (QuarantineReason::Erased, QuarantineReason::SourceGone);
    assert_eq!(reasons.collect::<Vec<_>>(), [erased, erased, gone]);
    assert_eq!(found_in(&world.dump()), [""; 0]);
}
