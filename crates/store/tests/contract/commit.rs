//! Commits of batches and their outcomes.

use leadgate_domain::{BodyHash, Outcome, Patch, QuarantineReason, RawBody, Stage, Submission, Timestamp};
use leadgate_store::LeadFilter;

use crate::world::{World, over_both};

over_both!(
    the_first_submission_creates_a_lead_and_a_later_one_is_a_duplicate,
    a_batch_is_resolved_in_the_order_of_receipt,
    a_submission_is_stored_as_it_was_sent,
    a_redelivery_changes_nothing,
    a_reused_id_with_another_body_is_quarantined,
    an_opt_out_with_a_reused_id_is_effective,
    an_update_merges_into_the_stored_lead,
    an_idempotency_key_is_bound_to_its_body,
    keys_of_a_quarantined_submission_are_not_claimed,
    an_empty_batch_settles_nothing,
);

async fn the_first_submission_creates_a_lead_and_a_later_one_is_a_duplicate(world: World) {
    let (first, second) = (world.phone("+1 415 555 0132"), world.phone("(415) 555-0132"));
    let created = world.commit(std::slice::from_ref(&first)).await;
    assert_eq!(created.settled[0].outcome, Outcome::Created);
    assert_eq!(created.settled[0].lead, Some(first.id.into()));

    // Without a region the second phone cannot be read. It creates another lead, which is held.
    let held = world.commit(std::slice::from_ref(&second)).await;
    assert_eq!(held.settled[0].outcome, Outcome::Created);

    let third = world.phone("+14155550132");
    let duplicate = world.commit(std::slice::from_ref(&third)).await;
    assert_eq!(duplicate.settled[0].outcome, Outcome::Duplicate);
    assert_eq!(duplicate.settled[0].lead, Some(first.id.into()));

    let found = world.store.find(world.organization.id, third.id.as_uuid()).await.unwrap().unwrap();
    assert_eq!((found.submission, found.outcome), (third.id, Some(Outcome::Duplicate)));
    assert_eq!(found.lead.unwrap().id, first.id.into());
}

async fn a_batch_is_resolved_in_the_order_of_receipt(world: World) {
    let submissions: Vec<_> = (0..5).map(|_| world.phone("+14155550132")).collect();
    let mut shuffled = submissions.clone();
    shuffled.reverse();
    let committed = world.commit(&shuffled).await;
    let outcomes: Vec<_> = committed.settled.iter().map(|settled| settled.outcome).collect();
    assert_eq!(outcomes[0], Outcome::Created);
    assert_eq!(outcomes[1..], [Outcome::Duplicate; 4]);
    assert!(committed.settled.iter().all(|settled| settled.lead == Some(submissions[0].id.into())));
    assert_eq!(
        world.store.leads(world.organization.id, &LeadFilter::default(), None, 10).await.unwrap().data.len(),
        1
    );
}

async fn a_submission_is_stored_as_it_was_sent(world: World) {
    let mut submission = world.eligible("+81 3-3224-9999", "Ann.Lee@example.com");
    submission
        .fields
        .texts
        .insert(leadgate_domain::TextField::FullName, Some("O'Brien \"李\" \u{202e}👩‍👩‍👧".into()));
    submission.fields.texts.insert(leadgate_domain::TextField::Company, None);
    submission.fields.tags = vec!["a".into(), "$1 {x,\"y\"} NULL".into()];
    submission.fields.custom_fields =
        serde_json::from_str(r#"{"n":1.5,"big":18446744073709551615,"x":[1,null]}"#).unwrap();
    submission.raw = RawBody::new(b"\x00\xff binary");
    submission.media = leadgate_domain::BodyFormat::Form;
    submission.query = Some("utm=a%20b&x='\"".into());
    submission.mapping_version = Some(3);
    submission.traceparent = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into());
    submission.unknown = serde_json::from_str(r#"{"from_a_newer_build":{"a":[true]}}"#).unwrap();
    submission.client.user_agent = Some("curl/8 'quoted' \\ \u{1F600}".into());
    world.commit(std::slice::from_ref(&submission)).await;

    let record = world.store.submission(world.organization.id, submission.id).await.unwrap().unwrap();
    assert_eq!(record.submission, submission);
    assert_eq!(record.outcomes.len(), 1);
    let outcome = record.outcome().unwrap();
    assert_eq!((outcome.revision, outcome.outcome), (1, Outcome::Created));
    let stages: Vec<_> = outcome.trace.stages().iter().map(Stage::name).collect();
    assert!(stages.contains(&"normalize") && stages.contains(&"decide"), "{stages:?}");
    assert!(Timestamp::now().since(outcome.decided_at).as_secs() < 60);

    let lead = world.store.lead(world.organization.id, submission.id.into()).await.unwrap().unwrap();
    assert_eq!(lead.e164(), Some("+81332249999"));
    assert_eq!(lead.received_at, submission.received_at);
    assert_eq!(lead.custom_fields, submission.fields.custom_fields);
    let listed = world.store.leads(world.organization.id, &LeadFilter::default(), None, 10).await.unwrap();
    assert_eq!(listed.data, [lead]);
}

async fn a_redelivery_changes_nothing(world: World) {
    let submissions: Vec<_> = (0..4).map(|n| world.phone(&format!("+1415555013{n}"))).collect();
    let twice: Vec<_> = submissions.iter().chain(&submissions[..2]).cloned().collect();
    let first = world.commit(&twice).await;
    assert_eq!((first.settled.len(), first.repeated, first.reused), (4, 2, 0));
    let before = world.stored_submissions().await;

    let again = world.commit(&submissions).await;
    assert_eq!((again.settled.len(), again.repeated, again.reused), (0, 4, 0));
    let mixed = world.commit(&[submissions[0].clone(), world.phone("+14155550139")]).await;
    assert_eq!((mixed.settled.len(), mixed.repeated), (1, 1));
    assert_eq!(world.stored_submissions().await[..4], before[..]);
}

pub(crate) fn with_body(submission: &Submission, body: &[u8]) -> Submission {
    Submission { raw: RawBody::new(body), body_hash: BodyHash::compute(body), ..submission.clone() }
}

async fn a_reused_id_with_another_body_is_quarantined(world: World) {
    let first = world.phone("+14155550132");
    let (second, third) = (with_body(&first, b"another"), with_body(&first, b"a third"));
    // Within a batch,
    let committed = world.commit(&[first.clone(), second.clone(), first.clone(), second.clone()]).await;
    assert_eq!((committed.settled.len(), committed.repeated, committed.reused), (1, 2, 1));
    // against stored submissions, and repeatedly.
    for (reused, repeated) in [(1, 2), (0, 3)] {
        let again = world.commit(&[third.clone(), second.clone(), first.clone()]).await;
        assert_eq!((again.settled.len(), again.reused, again.repeated), (0, reused, repeated));
    }
    let record = world.store.submission(world.organization.id, first.id).await.unwrap().unwrap();
    assert_eq!(record.submission, first, "the first submission does not change");
    assert_eq!(record.outcomes.len(), 1);
    assert_eq!(record.outcome().unwrap().outcome, Outcome::Created);
    let mut quarantined: Vec<_> = record.quarantine.iter().map(|entry| entry.body_hash).collect();
    quarantined.sort();
    let mut expected = [second.body_hash, third.body_hash];
    expected.sort();
    assert_eq!(quarantined, expected);
    assert!(record.quarantine.iter().all(|entry| entry.reason == QuarantineReason::IdReused));
    let found = world.store.find(world.organization.id, first.id.as_uuid()).await.unwrap().unwrap();
    assert_eq!((found.outcome, found.quarantine), (Some(Outcome::Created), None));
}

async fn an_opt_out_with_a_reused_id_is_effective(world: World) {
    let first = world.phone("+14155550132");
    let mut second = with_body(&first, b"another");
    second.fields.email = Patch::Value("ann@example.com".into());
    second.fields.opt_out = true;
    let committed = world.commit(&[first, second.clone()]).await;
    assert_eq!((committed.reused, committed.pending.len()), (1, 1));
    let listed = world.store.suppressions(world.organization.id, None, 10).await.unwrap();
    let values: Vec<_> = listed.data.iter().filter_map(|entry| entry.value.as_deref()).collect();
    assert_eq!(values, ["ann@example.com", "+14155550132"]);
    for entry in &listed.data {
        world.unsuppress(entry, None).await;
    }
    assert!(world.commit(&[second]).await.pending.is_empty(), "a redelivery needs no rescreen");
}

async fn an_update_merges_into_the_stored_lead(world: World) {
    let source = world.updating_source().await;
    let first = world.eligible("+14155550132", "ann@example.com");
    let mut second = world.phone("+14155550132");
    second.fields.email = Patch::Value("lee@example.com".into());
    let commit = async |submission: &Submission| {
        let mut submission = submission.clone();
        submission.source = source.id;
        let normalized = world.normalize_by(&source, submission);
        world.store.commit(vec![normalized], world.judge()).await.unwrap()
    };
    commit(&first).await;
    let updated = commit(&second).await;
    assert_eq!(updated.settled[0].outcome, Outcome::Updated);
    let lead = world.store.lead(world.organization.id, first.id.into()).await.unwrap().unwrap();
    assert_eq!(lead.email_address(), Some("lee@example.com"));
    assert_eq!((lead.received_at, lead.updated_at), (first.received_at, second.received_at));
}

async fn an_idempotency_key_is_bound_to_its_body(world: World) {
    let keyed = |phone: &str| {
        let mut submission = world.phone(phone);
        let key_hash = leadgate_domain::KeyHash::parse(&"ab".repeat(16));
        submission.idempotency_key_hash = key_hash;
        submission
    };
    let first = keyed("+14155550132");
    world.commit(std::slice::from_ref(&first)).await;
    let repeated = world.commit(&[with_body(&keyed("+14155550133"), &first.raw.bytes().unwrap())]).await;
    assert_eq!(repeated.settled[0].outcome, Outcome::Duplicate);
    assert_eq!(repeated.settled[0].lead, Some(first.id.into()));
    let other = keyed("+14155550134");
    let mismatch = world.commit(std::slice::from_ref(&other)).await;
    assert_eq!((mismatch.settled[0].outcome, mismatch.settled[0].lead), (Outcome::Quarantined, None));
    let found = world.store.find(world.organization.id, other.id.as_uuid()).await.unwrap().unwrap();
    assert_eq!(found.quarantine, Some(QuarantineReason::IdempotencyMismatch));
    assert!(found.lead.is_none());
}

async fn keys_of_a_quarantined_submission_are_not_claimed(world: World) {
    let key = leadgate_domain::KeyHash::parse(&"cd".repeat(16));
    let mut first = world.phone("+14155550132");
    first.idempotency_key_hash = key;
    world.commit(&[first]).await;
    // It is quarantined because of its idempotency key, so it does not claim its phone.
    let mut mismatch = world.phone("+14155550133");
    mismatch.idempotency_key_hash = key;
    world.commit(&[mismatch]).await;
    let next = world.commit(&[world.phone("+14155550133")]).await;
    assert_eq!(next.settled[0].outcome, Outcome::Created);
}

async fn an_empty_batch_settles_nothing(world: World) {
    assert_eq!(world.commit(&[]).await.settled, []);
}
